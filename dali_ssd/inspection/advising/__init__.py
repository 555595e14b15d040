"""Advice on a data set: what was seen, what it costs, what to do."""
