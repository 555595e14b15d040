"""Where plugins lie: the folder of the cache that they are built into, and those in which they are looked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from dali_ssd.errors import DatasetError, PluginError
from dali_ssd.util.files import cache_folder, locked, remove_leftovers
from dali_ssd.util.progress import Progress

__all__ = ["folders", "place_to_build", "writing"]

_PART = "plugin"
"""The folder of the cache."""


def folders() -> Iterator[Path]:
    """Yield the folders to look in. A cache that cannot be made has nothing in it."""
    with suppress(DatasetError):
        yield cache_folder(part=_PART)
    given = os.environ.get("DALI_SSD_PLUGIN")
    if given:
        yield Path(given)


@contextmanager
def place_to_build() -> Iterator[Path]:
    """Yield the folder to build into, which is this process's alone for as long. Raises PluginError if there is none.

    Errors of what is done in it are left as they are.
    """
    with ExitStack() as held:
        with writing():
            folder = cache_folder(part=_PART)
            held.enter_context(locked(folder, waiting=_say_that_it_waits))
            for stem in ("build", "dali_ssd"):
                remove_leftovers(folder, stem)
        yield folder


@contextmanager
def writing() -> Iterator[None]:
    """Turn errors of writing to the folder into PluginError."""
    try:
        yield
    except (DatasetError, OSError) as error:
        advice = "; set DALI_SSD_CACHE to a folder you can write to" if isinstance(error, OSError) else ""
        raise PluginError(f"the plugin has no place: {error}{advice}") from error


def _say_that_it_waits() -> None:
    with Progress("waiting") as progress:
        progress.log("another process is building the DALI plugin: waiting for it")
