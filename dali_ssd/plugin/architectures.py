"""Which GPUs a plugin is for, and which it serves.

A GPU is named by its compute capability times ten: 86 is 8.6. Machine code runs on GPUs of the same first digits and
the same or a higher last one; PTX is compiled by the driver, for its own capability and all above.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from dali_ssd.errors import PluginError

__all__ = ["Architectures", "Wanted", "choose", "gpus_here"]

_ALL = (70, 75, 80, 86, 89, 90, 100, 120)
"""One or more of each generation of GPUs in servers and desktops; those between them run their code."""
_OLDEST_OF_CUDA_13 = 75


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
            here = gpus_here()
            if not here:
                raise PluginError(
                    "there is no GPU here to build the plugin for (nvidia-smi names none); build it for every GPU by "
                    "`dali-ssd build-plugin --arch all`, or for some by such as --arch 80,90"
                )
            return cls(here)
        if arch == "all":
            oldest = _OLDEST_OF_CUDA_13 if cuda_major >= 13 else 0
            return cls(tuple(code for code in _ALL if code >= oldest), newer=True)
        return cls(tuple(sorted(set(map(int, arch.split(","))))), exact=True)

    def is_served_by(self, there: Architectures) -> bool:
        """Return whether a plugin is good for all of it."""
        if self.exact:
            return set(self.capabilities) <= set(there.codes)
        return (there.ptx > 0 or not self.newer) and all(map(there.serves, self.capabilities))


def gpus_here() -> tuple[int, ...]:
    """Return the compute capabilities of this machine's GPUs, ascending, each once; none without a driver."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    command = [tool, "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    found = re.findall(r"^\s*(\d+)\.(\d)\s*$", done.stdout, re.MULTILINE)
    return tuple(sorted({int(major) * 10 + int(minor) for major, minor in found}))


def choose(wanted: Wanted, known: Sequence[int]) -> Architectures:
    """Return what to build with a toolkit that knows these capabilities.

    A GPU that is newer than the toolkit gets the code of an older one that it runs, or PTX. Raises PluginError if the
    toolkit has nothing for one of them.
    """
    codes = {code: max((one for one in known if _runs_on(one, code)), default=None) for code in wanted.capabilities}
    with_code = tuple(sorted({code for code in codes.values() if code}))
    oldest = min((capability for capability, code in codes.items() if code is None), default=None)
    ptx = max((one for one in known if oldest is not None and one <= oldest), default=0)
    built = Architectures(with_code, with_code[-1] if wanted.newer else ptx)
    # Of `all`, a toolkit builds what it has.
    missing = [code for code in wanted.capabilities if not built.serves(code) and not wanted.newer]
    missing = sorted(set(wanted.capabilities) - set(known)) if wanted.exact else missing
    if missing:
        named = ", ".join(map(str, missing))
        raise PluginError(
            f"the CUDA toolkit cannot build for {named}; it knows {', '.join(map(str, sorted(known)))}: choose some of "
            "these by --arch, or install another toolkit"
        )
    return built


def _runs_on(code: int, capability: int) -> bool:
    return code // 10 == capability // 10 and code <= capability
