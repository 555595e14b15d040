"""The report of an evaluation: scores, curves, errors with pictures, confusion, calibration; without any framework."""
