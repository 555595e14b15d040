"""Faults of records: their kinds, the checks that find them, and the reports."""
