"""Scores of detections, without MXNet: one metric a module."""
