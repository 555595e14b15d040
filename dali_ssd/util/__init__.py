"""Helpers for all rooms: files, processes, progress, words, and optional dependencies."""
