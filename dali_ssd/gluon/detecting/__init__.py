"""Detections of a trained network in image files and shards, as pictures and JSON lines."""
