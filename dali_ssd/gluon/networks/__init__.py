"""SSDs: GluonCV's zoo, one of our own, and the weights they start from."""
