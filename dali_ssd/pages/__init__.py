"""Reports as HTML: one file that opens from disk, without a script and without a request to any network."""
