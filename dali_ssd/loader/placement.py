"""What of a loader's work runs where: chosen once, when the loader is made, and said in words."""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields
from functools import cache
from typing import Literal

from dali_ssd.config import NvjpegConfig, PipelineConfig, PluginUse, TargetConfig
from dali_ssd.errors import PluginError
from dali_ssd.graph.nvjpeg import cuts_regions, nvjpeg_version
from dali_ssd.graph.where import Where
from dali_ssd.plugin import prepare_plugin

__all__ = ["Placement", "choose_where", "decodes_whole_images", "placement_of"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Placement:
    """What of a loader's work runs where, in words for people; `str` has all of it on one line.

    Reading and planning are the host's in any case.
    """

    decode: str
    render: str
    targets: str | None = None
    """None where none are made, for validation."""
    threads: str | None = None
    """None where they run on any core of this process."""

    def __str__(self) -> str:
        return ", ".join(f"{name}: {words}" for name, words in self.parts().items())

    def parts(self) -> dict[str, str]:
        """Return the words by the names of the steps that there are."""
        words = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: word for name, word in words.items() if word is not None}


def choose_where(device: Literal["cpu", "gpu"], plugin: PluginUse, nvjpeg: NvjpegConfig) -> Where:
    """Return where the steps run, with the plugin loaded if they need it; it is built if it is not there.

    Warns of options without effect on a CPU, and, once for each reason in a process, of work that falls to DALI's
    operators and the host because the plugin cannot be had. Raises PluginError in that case if it is required.
    """
    if device == "cpu":
        _warn_of_options_without_effect(plugin, nvjpeg)
        return Where()
    whole = decodes_whole_images()
    if plugin == "off":
        return Where("gpu", nvjpeg=nvjpeg, whole=whole)
    try:
        prepare_plugin()
    except PluginError as error:
        if plugin == "require":
            raise
        _warn_of_missing_plugin(str(error))
        return Where("gpu", nvjpeg=nvjpeg, whole=whole)
    return Where("gpu", plugin=True, nvjpeg=nvjpeg, whole=whole)


@cache
def decodes_whole_images() -> bool:
    """Return whether a GPU must decode whole images in this process; warn, once, if only because of another library."""
    version = nvjpeg_version()
    if version is None or cuts_regions(version):
        return False
    if version[0] > 12:  # CUDA 12 has none that could
        _log.warning(
            "nvJPEG %d.%d is loaded, older than DALI's own: whole images are decoded instead of their visible parts; "
            "import dali_ssd.torch before torchvision, which brings it",
            *version,
        )
    return True


def placement_of(where: Where, targets: TargetConfig | None = None, *, bound: bool = False) -> Placement:
    """Return what runs where; `targets` are those of training, `bound`: threads keep near their GPU."""
    made = None if targets is None else _maker_of_targets(where, targets)
    if where.device == "cpu":
        return Placement("CPU", "plugin on the CPU" if where.plugin else "CPU", made)
    what = "nvJPEG, whole images" if where.whole else "nvJPEG"
    share = f"{what} ({where.nvjpeg.hw_decoder_load:.0%} on the hardware decoder where there is one)"
    threads = "on the cores near their GPU" if bound else None
    return Placement(share, "plugin" if where.plugin else "DALI's operators", made, threads)


def _maker_of_targets(where: Where, targets: TargetConfig) -> str:
    if targets.targets == "boxes":
        return "none, boxes of the host"
    if targets.targets == "box_encoder":
        return "DALI's box_encoder"
    if where.device == "cpu":
        return "plugin on the CPU" if where.plugin else "CPU"
    return "plugin" if where.plugin else "CPU, and copied"


@cache  # the loaders of training and validation have the same reason
def _warn_of_missing_plugin(reason: str) -> None:
    _log.warning("without the plugin, DALI's operators render, and exact targets are made on the host: %s", reason)


def _warn_of_options_without_effect(plugin: PluginUse, nvjpeg: NvjpegConfig) -> None:
    names = [field.name for field in fields(nvjpeg) if getattr(nvjpeg, field.name) != field.default]
    names += ["plugin"] if plugin != PipelineConfig.plugin else []
    if names:
        _log.warning("on a CPU, %s: without effect", ", ".join(names))
