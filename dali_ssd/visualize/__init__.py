"""Pictures of images with boxes: records as stored, as a training run sees them, and as a network finds them."""
