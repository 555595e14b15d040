"""Records on disk: read, checked, decoded, repaired and written without MXNet. README.md follows a record through it."""
