"""The arithmetic of the pipeline, compiled by Numba: no DALI, no files."""
