"""Training and scoring an SSD with Gluon: what needs MXNet. README.md follows a training run through it."""
