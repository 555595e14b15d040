"""The compilers: nvcc of a CUDA toolkit, and the host's g++.

The toolkit must be of the CUDA that DALI was built for, since a driver that runs one need not run the code of another.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dali_ssd.errors import PluginError
from dali_ssd.util.optional import require

__all__ = ["Toolkit", "find_host_compiler", "find_toolkit"]

_OLDEST_HOST_COMPILER = 11
"""The first g++ with all of C++20 that DALI's headers use."""
_FROM_PYPI = 13
"""The CUDA of which PyPI has a whole nvcc."""


@dataclass(frozen=True)
class Toolkit:
    """A CUDA toolkit that runs."""

    nvcc: Path
    release: tuple[int, int]
    """Major and minor version of its CUDA."""
    known: tuple[int, ...]
    """Compute capabilities, times ten, that it builds for."""

    def __str__(self) -> str:
        return f"{self.nvcc} (CUDA {self.release[0]}.{self.release[1]})"

    @property
    def flags(self) -> list[str]:
        """Options that nvcc needs to find its own headers and libraries where a wheel has laid them."""
        root = self.nvcc.parent.parent
        laid = (root / "lib" / "libcudart_static.a").is_file()
        return [f"-I{root / 'include'}", f"-L{root / 'lib'}"] if laid else []


def find_toolkit(cuda_major: int) -> Toolkit:
    """Return the first toolkit of this CUDA in CUDA_HOME, on PATH, or in this environment by PyPI's nvidia-cuda-nvcc.

    Raises PluginError, which says of each of these places why it will not do.
    """
    reasons = []
    for place, nvcc in _places(cuda_major):
        found = _examine(nvcc, cuda_major) if nvcc is not None else "there is no nvcc"
        if isinstance(found, Toolkit):
            return found
        reasons.append(f"{place}: {found}")
    wheel = "`pip install 'dali-ssd[plugin]'` brings one" if cuda_major == _FROM_PYPI else "install one"
    raise PluginError(
        f"no CUDA {cuda_major} toolkit to build the plugin with: {wheel}, or name it by CUDA_HOME "
        f"({'; '.join(reasons)})"
    )


def find_host_compiler() -> Path:
    """Return the C++ compiler: NVCC_CCBIN, which may be its folder, or else g++ on PATH.

    Raises PluginError if there is none that is new enough, which nvcc would say in words for nobody.
    """
    given = os.environ.get("NVCC_CCBIN", "")
    named = given or "g++"
    compiler = shutil.which(os.path.join(named, "g++") if os.path.isdir(named) else named)
    if compiler is None and given:
        raise PluginError(f"NVCC_CCBIN={named} names no C++ compiler: correct it, or unset it for g++ of PATH")
    if compiler is None:
        raise PluginError(
            "the plugin needs a C++ compiler beside nvcc, and there is no g++; on Debian or Ubuntu run: "
            "apt-get install -y g++"
        )
    try:
        version = int(_output(Path(compiler), "-dumpversion").split(".")[0])
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise PluginError(f"the C++ compiler {compiler} does not run: {error}; name another by NVCC_CCBIN") from error
    if version < _OLDEST_HOST_COMPILER:
        raise PluginError(
            f"{compiler} is version {version}, and the plugin needs {_OLDEST_HOST_COMPILER} or newer: name another by "
            "NVCC_CCBIN, such as NVCC_CCBIN=g++-12"
        )
    return Path(compiler)


def _places(cuda_major: int) -> Iterator[tuple[str, Path | None]]:
    """Yield each place to look in and the nvcc there, if there is one."""
    home = os.environ.get("CUDA_HOME", "")
    nvcc = Path(home, "bin", "nvcc")
    if home:
        yield f"CUDA_HOME={home}", nvcc if nvcc.is_file() else None
    on_path = shutil.which("nvcc")
    yield "PATH", Path(on_path).resolve() if on_path else None
    folders = [Path(folder, f"cu{cuda_major}") for folder in require("nvidia").__path__]
    laid = [folder / "bin" / "nvcc" for folder in folders if (folder / "bin" / "nvcc").is_file()]
    yield "nvidia-cuda-nvcc in this Python", laid[0] if laid else None


def _examine(nvcc: Path, cuda_major: int) -> Toolkit | str:
    """Return the toolkit of an nvcc, or why it will not do."""
    try:
        found = re.search(r"release (\d+)\.(\d+)", _output(nvcc, "--version"))
        known = re.findall(r"^compute_(\d+)$", _output(nvcc, "--list-gpu-arch"), re.MULTILINE)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{nvcc} does not run ({error})"
    if found is None or not known:
        return f"{nvcc} does not tell its version and what it builds for"
    release = int(found[1]), int(found[2])
    if release[0] != cuda_major:
        return f"{nvcc} is of CUDA {release[0]}.{release[1]}"
    return Toolkit(nvcc, release, tuple(map(int, known)))


def _output(tool: Path, option: str) -> str:
    return subprocess.run([tool, option], capture_output=True, text=True, timeout=60, check=True).stdout
