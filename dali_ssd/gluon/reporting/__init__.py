"""What a training run says while it goes: log lines, metrics, curves."""
