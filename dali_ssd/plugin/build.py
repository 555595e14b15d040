"""The plugin as a file: found among those built before, or built now, by one process while others wait for it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dali_ssd.errors import DaliSsdError, DatasetError, PluginError
from dali_ssd.plugin.architectures import Architectures, Wanted, choose
from dali_ssd.plugin.compiler import Compiler
from dali_ssd.plugin.options import BuildPluginConfig
from dali_ssd.plugin.sources import Sources, dali_here, own_sources
from dali_ssd.plugin.toolkit import find_toolkit, require_host_compiler
from dali_ssd.util.files import atomic_path, cache_folder, caching, locked, remove_leftovers, temporary_name
from dali_ssd.util.progress import Progress

__all__ = ["BuiltPlugin", "build_plugin", "find_plugin"]

_PART = "plugin"
"""The folder of the cache."""


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
    config, sources, dali = config or BuildPluginConfig(), sources or own_sources(), dali_here()
    wanted = Wanted.from_option(config.arch, dali.cuda_major)
    there = None if config.rebuild else find_plugin(wanted, sources)
    if there is not None:
        return there
    require_host_compiler()
    toolkit = find_toolkit(dali.cuda_major)
    architectures = choose(wanted, toolkit.known)
    with _place() as folder:
        there = None if config.rebuild else find_plugin(wanted, sources)  # another process may have built it meanwhile
        if there is not None:
            return there
        begun = time.monotonic()
        path = folder / f"{sources.key(dali)}-{architectures.tag}.so"
        work = temporary_name(folder / "build")
        work.mkdir()
        try:
            compiler = Compiler(toolkit, dali, sources, work, path.with_suffix(".log"))
            with Progress("building the DALI plugin", compiler.steps(architectures)) as progress:
                progress.log(f"building the DALI plugin for {architectures} with {toolkit}, once")
                with atomic_path(path) as library:
                    compiler.build(architectures, library, progress)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        path.with_suffix(".log").unlink(missing_ok=True)  # of an attempt that failed
        return BuiltPlugin(path, architectures, time.monotonic() - begun)


def find_plugin(wanted: Wanted, sources: Sources) -> BuiltPlugin | None:
    """Return a plugin that serves what is wanted, from the cache or else from the folder DALI_SSD_PLUGIN.

    Of several, the last that was built. None if none does.
    """
    key = sources.key(dali_here())
    for folder in _folders():
        found = [plugin for plugin in _plugins(folder, key) if wanted.is_served_by(plugin.architectures)]
        if found:
            return max(found, key=lambda plugin: plugin.path.stat().st_mtime_ns)
    return None


def _folders() -> Iterator[Path]:
    """Yield the folders to look in. A cache that cannot be made has nothing in it."""
    with suppress(DatasetError):
        yield cache_folder(part=_PART)
    given = os.environ.get("DALI_SSD_PLUGIN")
    if given:
        yield Path(given)


def _plugins(folder: Path, key: str) -> Iterator[BuiltPlugin]:
    for path in sorted(folder.glob(f"{key}-*.so")):
        architectures = Architectures.from_tag(path.stem.removeprefix(f"{key}-"))
        if architectures is not None:
            yield BuiltPlugin(path, architectures)


@contextmanager
def _place() -> Iterator[Path]:
    """Yield the folder to build into, which is this process's alone for as long."""
    try:
        folder = cache_folder(part=_PART)
        with caching(), locked(folder, waiting=_say_that_it_waits):
            for stem in ("build", "dali_ssd"):
                remove_leftovers(folder, stem)
            yield folder
    except PluginError:
        raise
    except (DaliSsdError, OSError) as error:
        advice = "; set DALI_SSD_CACHE to a folder you can write to" if isinstance(error, OSError) else ""
        raise PluginError(f"the plugin has no place: {error}{advice}") from error


def _say_that_it_waits() -> None:
    with Progress("waiting") as progress:
        progress.log("another process is building the DALI plugin: waiting for it")
