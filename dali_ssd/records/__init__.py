"""Records on disk: read, checked, decoded, repaired and written. README.md follows a record through it."""
