"""Where the steps of a pipeline run: the argument `where` of a recipe's pipelines, which each step gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from dali_ssd.config import NvjpegConfig

__all__ = ["Where"]


@dataclass(frozen=True)
class Where:
    """Device of decoding, rendering and targets, and by what."""

    device: Literal["cpu", "gpu"] = "cpu"
    """Device of the images and targets; records are read and planned on the host in any case."""
    plugin: bool = False
    """Whether this package's plugin renders and makes exact targets; DALI must have loaded it (`dali_ssd.plugin`).

    On a CPU too, where loaders never ask for it: the same sources as on a GPU, so its twin in tests."""
    nvjpeg: NvjpegConfig = field(default_factory=NvjpegConfig)
    """Options of the decoder on a GPU."""
    whole: bool = False
    """Whether a GPU decodes whole images, of which regions are cut: for an nvJPEG to which DALI gives no regions."""
