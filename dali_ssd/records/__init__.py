"""Records on disk: reading, checking, decoding, repairing and writing. README.md shows the life of a record."""
