"""The processes of a training run: which engine connects them, and how they agree."""
