"""`dali-ssd bench --plan`: what images and the network cost here, what a cluster needs for it, and what is short."""
