"""What is drawn at random for a training image."""
