"""The plugin in this process."""

from __future__ import annotations

import struct
import threading
from pathlib import Path

from dali_ssd.errors import PluginError
from dali_ssd.plugin.architectures import Wanted, gpus_here
from dali_ssd.plugin.build import build_plugin, find_plugin
from dali_ssd.plugin.sources import Sources, own_sources
from dali_ssd.util.optional import require
from dali_ssd.util.words import first_line

__all__ = ["load_plugin", "plugin_loaded", "prepare_plugin"]

_AGAIN = "build it again by `dali-ssd build-plugin --rebuild`"
_loaded: dict[tuple[str, ...], Path] = {}
"""The library that has registered these operators. DALI keeps what it has loaded until the process ends."""
_lock = threading.Lock()


def prepare_plugin(sources: Sources | None = None) -> Path:
    """Load the plugin into DALI, unless this process has done so, and return its path.

    It is one that was built before and serves every GPU of this machine, or is built now, which takes a minute.
    Without a GPU any will do, for its operators on the CPU. Raises PluginError, which says why and what to do.
    """
    sources = sources or own_sources()
    with _lock:
        if sources.operators in _loaded:
            return _loaded[sources.operators]
        here = gpus_here()
        found = find_plugin(Wanted(here), sources)
        if found is None and not here:
            raise PluginError(
                "the plugin is not built, and there is no GPU here that says what for: run "
                "`dali-ssd build-plugin --arch all`"
            )
        return _load((found or build_plugin(sources=sources)).path, sources)


def load_plugin(path: Path, sources: Sources | None = None) -> Path:
    """Load this plugin into DALI, unless this process has loaded one, and return the path of that.

    Raises PluginError if it cannot be loaded or lacks an operator.
    """
    sources = sources or own_sources()
    with _lock:
        return _loaded.get(sources.operators) or _load(path, sources)


def plugin_loaded(sources: Sources | None = None) -> bool:
    """Return whether the operators of the plugin are registered in this process."""
    return not _missing(sources or own_sources())


def _load(path: Path, sources: Sources) -> Path:
    if not _is_whole(path):
        raise PluginError(f"{path} is cut short or no library: {_AGAIN}")
    try:
        require("nvidia.dali.plugin_manager").load_library(str(path))
    except RuntimeError as error:
        raise PluginError(f"DALI cannot load the plugin {path} ({first_line(error)}): {_AGAIN}") from error
    missing = _missing(sources)
    if missing:
        raise PluginError(f"the plugin {path} has no {', '.join(missing)}: {_AGAIN}")
    _loaded[sources.operators] = path
    return path


def _missing(sources: Sources) -> list[str]:
    """Return the operators that are not registered for both the CPU and the GPU."""
    backend = require("nvidia.dali.backend")
    there = {*backend.RegisteredCPUOps()} & {*backend.RegisteredGPUOps()}
    return [name for name in sources.operators if name not in there]


def _is_whole(path: Path) -> bool:
    """Return whether a file is a 64-bit ELF library to its end: the loader would crash the process on half of one."""
    header = struct.Struct("<4sB35xQ10xHH2x")  # magic, class, place of the sections, size and number of their headers
    with open(path, "rb") as file:
        head = file.read(header.size)
    if len(head) < header.size:
        return False
    magic, kind, sections, size, count = header.unpack(head)
    end: int = sections + size * count
    return (magic, kind) == (b"\x7fELF", 2) and end <= path.stat().st_size
