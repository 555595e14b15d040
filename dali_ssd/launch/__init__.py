"""The processes that train together: what a launcher announces, how they meet, how they are started."""
