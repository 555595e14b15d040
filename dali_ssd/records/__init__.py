"""Records on disk: shards (`.rec`), their indexes (`.idx`) and label vectors, read and written without MXNet."""
