"""Options that differ from others in one number, found from the fields of their class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from dali_ssd.errors import ConfigError

__all__ = ["variations"]

Config = TypeVar("Config")


def variations(config: Config, name: str, step: float) -> Iterator[Config]:
    """Yield all valid copies of a configuration in which one number, or one word, of a field is another.

    Numbers become larger and smaller by `step`, and whole numbers by 1; tuples of any length also lose one element.
    """
    for value in _others(getattr(config, name), get_type_hints(type(config))[name], step):
        try:
            yield replace(config, **{name: value})  # type: ignore[type-var]
        except ConfigError:
            continue


def _others(value: Any, hint: Any, step: float) -> Iterator[Any]:
    if get_origin(hint) is Literal:
        yield from (choice for choice in get_args(hint) if choice != value)
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        by = 1 if hint is int else step
        yield from (value + by, value - by)
    elif isinstance(value, tuple):
        kinds = get_args(hint)
        for place, one in enumerate(value):
            for other in _others(one, kinds[0 if Ellipsis in kinds else place], step):
                yield (*value[:place], other, *value[place + 1 :])
            if Ellipsis in kinds:
                yield (*value[:place], *value[place + 1 :])
