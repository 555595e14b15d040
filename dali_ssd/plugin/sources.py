"""What a plugin is made of: sources, the numbers that they share with the kernels, and the DALI that it is for."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path

from dali_ssd.config import INTERPOLATIONS
from dali_ssd.errors import PluginError
from dali_ssd.util.optional import require

__all__ = ["COMPILE_FLAGS", "Dali", "Sources", "dali_here", "own_sources"]

COMPILE_FLAGS = ("-std=c++20", "-O3", "-Xcompiler=-fPIC,-ffp-contract=off")
"""Products are not fused with sums on the host, nor, by the sources, on the device, so that ties fall as they do in the
kernels."""


@dataclass(frozen=True)
class Dali:
    """The DALI of this process, as far as a plugin depends on it: its ABI is promised for no other release."""

    version: str
    cuda_major: int
    compile_flags: tuple[str, ...]
    link_flags: tuple[str, ...]


@dataclass(frozen=True)
class Sources:
    """The sources of a plugin."""

    folder: Path
    """Each `*.cu` is a translation unit; they include the `*.h` by their names."""
    operators: tuple[str, ...]
    """Names of the operators that it registers, each for the CPU and the GPU."""
    defines: tuple[tuple[str, int], ...] = ()
    """Macros and their values."""

    @property
    def units(self) -> list[Path]:
        """The translation units. Raises PluginError if there is none."""
        found = sorted(self.folder.glob("*.cu"))
        if not found:
            raise PluginError(f"the sources of the plugin are not in {self.folder}: install dali_ssd again")
        return found

    @property
    def define_flags(self) -> list[str]:
        """Options of the compiler for the macros."""
        return [f"-D{name}={value}" for name, value in self.defines]

    def key(self, dali: Dali) -> str:
        """Return the beginning of the file name of plugins from these sources for that DALI on this kind of machine.

        It holds the exact version of DALI, its CUDA, the processor, and a digest of the sources, macros and options.
        """
        digest = hashlib.sha256()
        for path in [*self.units, *sorted(self.folder.glob("*.h"))]:
            content = path.read_bytes()
            digest.update(f"{path.name} {len(content)}\n".encode() + content)
        # Where DALI's headers lie makes no difference, its ABI does.
        abi = [flag for flag in dali.compile_flags if not flag.startswith("-I")]
        digest.update("\n".join([*COMPILE_FLAGS, *self.define_flags, *abi]).encode())
        name = f"dali_ssd-{dali.version}-cuda{dali.cuda_major}-{platform.machine()}"
        return f"{name}-{digest.hexdigest()[:12]}"


def own_sources() -> Sources:
    """Return the sources of this package's operators."""
    from dali_ssd.kernels import plan, targets  # they import Numba, which the options of the command need not

    numbers = {"WINDOW": plan.WINDOW, "MIRROR": plan.MIRROR, "FILTER": plan.FILTER, "COLOR": plan.COLOR}
    numbers |= {"PLAN_SIZE": plan.PLAN_SIZE, "BLOCK": targets.BLOCK}
    numbers |= {name.upper(): position for position, name in enumerate(INTERPOLATIONS)}
    defines = tuple((f"DALI_SSD_{name}", value) for name, value in numbers.items())
    return Sources(Path(__file__).parent / "cuda", ("SsdRender", "SsdTargets"), defines)


def dali_here() -> Dali:
    """Return the DALI that is installed. Raises MissingDependencyError if none is."""
    dali, sysconfig = require("nvidia.dali"), require("nvidia.dali.sysconfig")
    # The number is that of the toolkit without its dots: 13492 is 13.4.92.
    return Dali(
        dali.__version__,
        int(str(dali.__cuda_version__)[:2]),
        tuple(sysconfig.get_compile_flags()),
        tuple(sysconfig.get_link_flags()),
    )
