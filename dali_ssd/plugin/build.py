"""The plugin as a file: found among those built before, or built now, by one process while others wait for it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dali_ssd.plugin.architectures import Architectures, Wanted, choose
from dali_ssd.plugin.compiler import Compiler, Tools
from dali_ssd.plugin.options import BuildPluginConfig
from dali_ssd.plugin.place import folders, place_to_build, writing
from dali_ssd.plugin.sources import Sources, dali_here, own_sources
from dali_ssd.plugin.toolkit import find_host_compiler, find_toolkit
from dali_ssd.util.files import replace, sync_file, temporary_name
from dali_ssd.util.progress import Progress

__all__ = ["BuiltPlugin", "build_for", "build_plugin", "find_plugin"]


@dataclass(frozen=True)
class BuiltPlugin:
    """A plugin that is there."""

    path: Path
    architectures: Architectures
    seconds: float = 0.0
    """How long it took to build; 0 if it was there already."""


def build_plugin(config: BuildPluginConfig | None = None, sources: Sources | None = None) -> BuiltPlugin:
    """Return a plugin for the DALI of this process that serves `config.arch`, built if none is there.

    Building takes nvcc and g++. Raises PluginError, which says what is missing or what failed.
    """
    config = config or BuildPluginConfig()
    wanted = Wanted.from_option(config.arch, dali_here().cuda_major)
    return build_for(wanted, sources or own_sources(), rebuild=config.rebuild)


def build_for(wanted: Wanted, sources: Sources, *, rebuild: bool = False) -> BuiltPlugin:
    """Return a plugin for the DALI of this process that serves what is wanted, built if none is there, or anyway.

    Raises PluginError as `build_plugin` does.
    """
    dali = dali_here()
    there = None if rebuild else find_plugin(wanted, sources)
    if there is not None:
        return there
    host_compiler = find_host_compiler()
    toolkit = find_toolkit(dali.cuda_major)
    architectures = choose(wanted, toolkit.known)
    with place_to_build() as folder:
        # Another process may have built it while this one waited.
        there = None if rebuild else find_plugin(wanted, sources)
        return there or _build(folder, Tools(toolkit, host_compiler, dali), sources, architectures)


def find_plugin(wanted: Wanted, sources: Sources) -> BuiltPlugin | None:
    """Return a plugin that serves what is wanted, from the cache or else from the folder DALI_SSD_PLUGIN.

    Of several, the last that was built. None if none does.
    """
    key = sources.key(dali_here())
    for folder in folders():
        found = [plugin for plugin in _plugins(folder, key) if wanted.is_served_by(plugin.architectures)]
        if found:
            return max(found, key=lambda plugin: plugin.path.stat().st_mtime_ns)
    return None


def _plugins(folder: Path, key: str) -> Iterator[BuiltPlugin]:
    for path in sorted(folder.glob(f"{key}-*.so")):
        architectures = Architectures.from_tag(path.stem.removeprefix(f"{key}-"))
        # In a folder that others share, one may be a dangling link, or for its owner alone.
        if architectures is not None and os.path.isfile(path) and os.access(path, os.R_OK):
            yield BuiltPlugin(path, architectures)


def _build(folder: Path, tools: Tools, sources: Sources, architectures: Architectures) -> BuiltPlugin:
    begun = time.monotonic()
    path = folder / f"{sources.key(tools.dali)}-{architectures.tag}.so"
    log = path.with_suffix(".log")
    work = temporary_name(folder / "build")
    with writing():
        work.mkdir()
    try:
        compiler, library = Compiler(tools, sources, work, log), work / path.name
        with Progress("building the DALI plugin", compiler.steps(architectures)) as progress:
            progress.log(f"building the DALI plugin for {architectures} with {tools.toolkit}, once")
            compiler.build(architectures, library, progress)
        with writing():
            sync_file(library)
            replace(library, path)
            log.unlink(missing_ok=True)  # of an attempt that failed
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return BuiltPlugin(path, architectures, time.monotonic() - begun)
