"""The plugin in this process."""

from __future__ import annotations

import struct
import threading
from pathlib import Path

from dali_ssd.errors import CompilerError, PluginError
from dali_ssd.plugin.architectures import Wanted
from dali_ssd.plugin.build import BuiltPlugin, build_for, find_plugin
from dali_ssd.plugin.gpus import gpus_here
from dali_ssd.plugin.sources import Sources, dali_here, own_sources
from dali_ssd.util.optional import require
from dali_ssd.util.words import first_line

__all__ = ["load_plugin", "plugin_loaded", "prepare_plugin"]

_AGAIN = "build it again by `dali-ssd build-plugin --rebuild`"
_loaded: dict[tuple[str, ...], Path] = {}
"""The library that has registered these operators. DALI keeps what it has loaded until the process ends."""
_failed: dict[Sources, str] = {}
"""Why these could not be built, so that the next loader need not wait for the same end."""
_lock = threading.Lock()


def prepare_plugin(sources: Sources | None = None) -> Path | None:
    """Load the plugin into DALI, unless this process has done so, and return its path.

    It is one that was built before and serves every GPU that CUDA shows to this process, or is built now, which takes
    half a minute. Without a GPU any will do, for its operators on the CPU. None is returned if the operators are there,
    but not by this module. Raises PluginError, which says why and what to do; what failed to compile once is not
    tried again.
    """
    sources = sources or own_sources()
    with _lock:
        if _are_registered(sources):
            return _loaded.get(sources.operators)
        wanted = Wanted(gpus_here(dali_here().cuda_major))
        return _load((find_plugin(wanted, sources) or _build(wanted, sources)).path, sources)


def load_plugin(path: Path, sources: Sources | None = None) -> Path | None:
    """Load this plugin into DALI, unless the operators are there, and return the path of that which was loaded.

    None and errors are as of `prepare_plugin`.
    """
    sources = sources or own_sources()
    with _lock:
        return _loaded.get(sources.operators) if _are_registered(sources) else _load(path, sources)


def plugin_loaded(sources: Sources | None = None) -> bool:
    """Return whether the operators of the plugin are registered in this process."""
    return not _missing(sources or own_sources())


def _build(wanted: Wanted, sources: Sources) -> BuiltPlugin:
    if not wanted.capabilities:
        raise PluginError(
            "the plugin is not built, and there is no GPU here that says what for: run "
            "`dali-ssd build-plugin --arch all`"
        )
    if sources in _failed:
        raise PluginError(_failed[sources])
    try:
        return build_for(wanted, sources)
    except CompilerError as error:  # other reasons are told at once, and may be gone the next time
        _failed[sources] = str(error)
        raise


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


def _are_registered(sources: Sources) -> bool:
    """Return whether the operators are there, such as after this module was reloaded or by another copy of it.

    Raises PluginError if only some are: DALI would end the process at the second that has a name.
    """
    backend = require("nvidia.dali.backend")
    there = {*sources.operators} & {*backend.RegisteredCPUOps(), *backend.RegisteredGPUOps()}
    missing = _missing(sources)
    if there and missing:
        raise PluginError(
            f"DALI has {', '.join(sorted(there))} of another plugin in this process, but not {', '.join(missing)} for "
            "both devices: start a new process, and load no other"
        )
    return bool(there)


def _missing(sources: Sources) -> list[str]:
    """Return the operators that are not registered for both the CPU and the GPU."""
    backend = require("nvidia.dali.backend")
    there = {*backend.RegisteredCPUOps()} & {*backend.RegisteredGPUOps()}
    return [name for name in sources.operators if name not in there]


def _is_whole(path: Path) -> bool:
    """Return whether a file is a 64-bit ELF library to its end: the loader would crash the process on half of one."""
    header = struct.Struct("<4sB35xQ10xHH2x")  # magic, class, place of the sections, size and number of their headers
    try:
        with open(path, "rb") as file:
            head = file.read(header.size)
    except OSError as error:
        raise PluginError(f"the plugin {path} cannot be read ({error.strerror}): {_AGAIN}") from error
    if len(head) < header.size:
        return False
    magic, kind, sections, size, count = header.unpack(head)
    end: int = sections + size * count
    return (magic, kind) == (b"\x7fELF", 2) and end <= path.stat().st_size
