"""The training run: devices, trainer, steps, and signals that end it."""
