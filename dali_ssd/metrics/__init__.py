"""Scores of detections, without MXNet: one metric per module."""
