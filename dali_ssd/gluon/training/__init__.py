"""The training run: devices, loop, steps, and what ends it."""
