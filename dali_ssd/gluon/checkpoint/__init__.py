"""A training run as files: saving and resuming it."""
