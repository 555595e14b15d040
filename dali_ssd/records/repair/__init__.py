"""Repairs of damaged shards: clean copies, or indexes without the bad records. The input is never changed."""
