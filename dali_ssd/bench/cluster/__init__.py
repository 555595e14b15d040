"""What training on a cluster needs, by arithmetic: the cluster that is asked about, and the needs of its nodes."""
