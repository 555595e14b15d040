"""The processes that train together: what a launcher announces, how they meet, are started and end by signals."""
