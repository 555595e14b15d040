"""A data set as an SSD sees it: what is in it, which anchors meet its boxes, what loading it costs, and what to do."""
