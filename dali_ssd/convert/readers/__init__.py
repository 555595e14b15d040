"""Annotations read into samples, one format a module."""
