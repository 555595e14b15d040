"""What can be wrong with records, how it is found, and what is reported of it."""
