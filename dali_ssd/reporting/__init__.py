"""The output of a running training run: log lines, metrics, curves."""
