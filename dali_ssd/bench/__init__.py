"""The benchmark: contenders do the same work on the same records, each in a fresh process (see README.md here)."""
