"""The results of a benchmark: the record, its summary, a table and a picture."""
