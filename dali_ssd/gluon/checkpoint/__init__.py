"""A training run as files: what is saved, and how it goes on."""
