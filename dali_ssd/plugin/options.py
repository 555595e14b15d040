"""The options of `dali-ssd build-plugin`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dali_ssd.util.validation import check_types, raise_all

__all__ = ["BuildPluginConfig"]


@dataclass(frozen=True)
class BuildPluginConfig:
    """Build the DALI plugin from its sources into the cache, unless one that serves is there."""

    arch: str = "native"
    """GPUs that it is for. native: those that CUDA shows here; all: those of servers and desktops from compute
    capability 7.0 (where the toolkit still has it); or capabilities without the dot, separated by commas, such as
    80,90."""
    rebuild: bool = False
    """Build it in any case, such as after an update of the compiler."""

    def __post_init__(self) -> None:
        check_types(self)
        if not isinstance(self.arch, str) or not re.fullmatch(r"native|all|\d{2,3}(,\d{2,3})*", self.arch):
            choices = "native, all, or compute capabilities such as 80,90"
            raise_all(self, [f"arch must be {choices}, not {self.arch!r}"])
