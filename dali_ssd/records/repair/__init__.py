"""Damaged shards written again, or passed over; the input is never touched."""
