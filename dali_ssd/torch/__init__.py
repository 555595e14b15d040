"""Loaders for PyTorch: the same shards, augmentation and targets, as tensors.

    from dali_ssd.torch import TrainLoader, ValLoader

Importing this imports torch, and nothing else of the package does. docs/pytorch.md shows them in a training script.
"""

from __future__ import annotations

from dali_ssd.util.optional import require

require("torch")  # before the modules below import it, so that a missing torch is explained

from dali_ssd.graph.nvjpeg import load_nvjpeg  # noqa: E402

load_nvjpeg()  # before torchvision is imported, which would load an older one in its place

from dali_ssd.torch.batch import BoxBatch, EncodedBatch  # noqa: E402
from dali_ssd.torch.loaders import TrainLoader, ValLoader  # noqa: E402
from dali_ssd.torch.processes import joined_processes  # noqa: E402
from dali_ssd.torch.scoring import detections  # noqa: E402

__all__ = ["BoxBatch", "EncodedBatch", "TrainLoader", "ValLoader", "detections", "joined_processes"]
