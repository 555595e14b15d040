"""Views of a training run for people: the report as a page, and TensorBoard's event files; framework-free."""
