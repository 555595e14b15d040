"""What stays the same while a run trains: its name, size and options."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from dali_ssd.util.words import shortened

__all__ = ["Option", "RunFacts", "changed_options", "command_line", "options_of"]


class Option(NamedTuple):
    """An option of the command line."""

    name: str
    value: str
    default: str
    changed: bool
    """Whether the value is another than the default."""


@dataclass(frozen=True)
class RunFacts:
    """A run's name and size, and its options."""

    name: str
    """That of the network, as its files are called."""
    epochs: int
    classes: tuple[str, ...]
    images: int
    """Number of training images; 0 if not known."""
    val_images: int
    options: tuple[Option, ...]


def options_of(config: Any) -> Iterator[Option]:
    """Yield the options of a configuration class, those of the classes in it among them, in their order."""
    hints = get_type_hints(type(config), include_extras=True)
    for one in fields(config):
        value = getattr(config, one.name)
        if is_dataclass(value):
            yield from options_of(value)
            continue
        default = one.default if one.default is not MISSING else None
        if one.default_factory is not MISSING:
            default = one.default_factory()
        named = [extra.name for extra in getattr(hints[one.name], "__metadata__", ()) if getattr(extra, "name", None)]
        name = "--" + (named[0] if named else one.name).replace("_", "-")
        needed = one.default is MISSING and one.default_factory is MISSING
        yield Option(name, _written(value), "" if needed else _written(default), needed or value != default)


def changed_options(config: Any) -> str:
    """Return in a line the options that are not the defaults."""
    changed = [f"{one.name} {shortened(one.value)}" for one in options_of(config) if one.changed]
    return "; ".join([*changed, "all others as by default" if changed else "all as by default"])


def command_line() -> str:
    """Return how this program was started."""
    program = Path(sys.argv[0]).name
    return shlex.join([*(["python", "-m", "dali_ssd"] if program == "__main__.py" else [program]), *sys.argv[1:]])


def _written(value: Any) -> str:
    """Write a value as the command line takes it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return (", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)) or "(empty)"
