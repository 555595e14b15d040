"""How records lie on disk: framing, index, labels, class names, and the heads of images."""
