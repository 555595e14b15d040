"""Train and score an SSD with Gluon: everything that needs MXNet. README.md follows a training run through it."""
