"""Trained networks: what their files tell, which network is meant, and the network itself."""
