"""Which GPUs a plugin is for, and which it serves.

A GPU is named by its compute capability times ten: 86 is 8.6. Machine code runs on GPUs of the same first digits and
the same or a higher last one, and that of Jetson boards on these alone; PTX is compiled by the driver, for its own
capability and all above.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dali_ssd.errors import PluginError
from dali_ssd.plugin.gpus import gpus_here, oldest_of

__all__ = ["Architectures", "Wanted", "choose"]

_ALL = (70, 75, 80, 86, 89, 90, 100, 120)
"""One or more of each generation of GPUs in servers and desktops, of which any other runs the code of one below it."""
_JETSON = (53, 62, 72, 87, 101, 110)
"""GPUs of boards: they run no code of others, nor others theirs."""


@dataclass(frozen=True)
class Architectures:
    """What a plugin holds."""

    codes: tuple[int, ...]
    """Capabilities with machine code, ascending."""
    ptx: int = 0
    """Capability of the PTX; 0: there is none."""

    def __str__(self) -> str:
        return ", ".join([*map(str, self.codes), *([f"PTX of {self.ptx}"] if self.ptx else [])])

    @property
    def tag(self) -> str:
        """The same as a part of a file name, such as `80.90.ptx90`."""
        return ".".join([*map(str, self.codes), *([f"ptx{self.ptx}"] if self.ptx else [])])

    @classmethod
    def from_tag(cls, tag: str) -> Architectures | None:
        """Return what a tag says; None if it is none."""
        if not re.fullmatch(r"(\d+\.)*(\d+|ptx\d+)", tag):
            return None
        ptx = [int(part[3:]) for part in tag.split(".") if part.startswith("ptx")]
        return cls(tuple(int(part) for part in tag.split(".") if part.isdigit()), *ptx)

    @property
    def virtual(self) -> set[int]:
        """Capabilities for which the front end of the compiler runs."""
        return {*self.codes, *([self.ptx] if self.ptx else [])}

    @property
    def flags(self) -> list[str]:
        """Options of nvcc."""
        pairs = [(code, f"sm_{code}") for code in self.codes]
        pairs += [(self.ptx, f"compute_{self.ptx}")] if self.ptx else []
        return [f"-gencode=arch=compute_{virtual},code={code}" for virtual, code in pairs]

    def serves(self, capability: int) -> bool:
        """Return whether a GPU can run it."""
        return 0 < self.ptx <= capability or any(_runs_on(code, capability) for code in self.codes)


@dataclass(frozen=True)
class Wanted:
    """What a plugin must serve."""

    capabilities: tuple[int, ...]
    exact: bool = False
    """Whether each of them needs machine code of its own."""
    newer: bool = False
    """Whether GPUs that come later are to be served, which takes PTX."""

    @classmethod
    def from_option(cls, arch: str, cuda_major: int) -> Wanted:
        """Return what `--arch` means here. Raises PluginError for `native` without a GPU."""
        if arch == "native":
            here = gpus_here(cuda_major)
            if not here:
                raise PluginError(
                    "there is no GPU here to build the plugin for (NVIDIA's driver shows none); build it for every GPU "
                    "by `dali-ssd build-plugin --arch all`, or for some by such as --arch 80,90"
                )
            return cls(here)
        if arch == "all":
            return cls(tuple(code for code in _ALL if code >= oldest_of(cuda_major)), newer=True)
        return cls(tuple(sorted(set(map(int, arch.split(","))))), exact=True)

    def is_served_by(self, there: Architectures) -> bool:
        """Return whether a plugin is good for all of it."""
        if self.exact:
            return set(self.capabilities) <= set(there.codes)
        return (there.ptx > 0 or not self.newer) and all(map(there.serves, self.capabilities))


def choose(wanted: Wanted, known: Sequence[int]) -> Architectures:
    """Return what to build with a toolkit that knows these capabilities.

    A GPU that is newer than the toolkit gets the code of an older one that it runs, or PTX. Raises PluginError if the
    toolkit has nothing for one of them.
    """
    if wanted.exact:
        _refuse([gpu for gpu in wanted.capabilities if gpu not in known], known)
        return Architectures(wanted.capabilities)
    codes = {gpu: _code_for(gpu, known) for gpu in wanted.capabilities}
    built = tuple(sorted({*codes.values()} - {0}))
    if wanted.newer:  # of `all`, a toolkit builds what it has
        return Architectures(built, built[-1])
    without_code = [gpu for gpu, code in codes.items() if not code]
    return Architectures(built, _ptx_for(without_code, known))


def _code_for(gpu: int, known: Sequence[int]) -> int:
    """Return the newest code of the toolkit that a GPU runs; 0 if there is none."""
    return max((code for code in known if _runs_on(code, gpu)), default=0)


def _ptx_for(gpus: Sequence[int], known: Sequence[int]) -> int:
    """Return the newest PTX of the toolkit that the drivers of all these GPUs compile; 0 for no GPU."""
    if not gpus:
        return 0
    _refuse([gpu for gpu in gpus if gpu < min(known)], known)
    return max(virtual for virtual in known if virtual <= min(gpus))


def _refuse(missing: Sequence[int], known: Sequence[int]) -> None:
    if missing:
        raise PluginError(
            f"the CUDA toolkit cannot build for {', '.join(map(str, missing))}; it knows "
            f"{', '.join(map(str, sorted(known)))}: choose some of these by --arch, or install another toolkit"
        )


def _runs_on(code: int, gpu: int) -> bool:
    if code in _JETSON or gpu in _JETSON:
        return code == gpu
    return code // 10 == gpu // 10 and code <= gpu
