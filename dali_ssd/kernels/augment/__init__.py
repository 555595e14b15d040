"""Random changes of a training image."""
