"""What a benchmark leaves: the record, its summary, a table and a picture."""
