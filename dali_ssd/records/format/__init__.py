"""The layout of records on disk: framing, index, labels, class names, and the heads of images."""
