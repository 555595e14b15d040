"""The machine that a program runs on: its processor, its GPUs, and the versions of the libraries there."""
