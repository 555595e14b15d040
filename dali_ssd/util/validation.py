"""Checks that option classes share: each returns faults as text; `raise_all` reports those of an object at once."""

from __future__ import annotations

import numbers
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from dali_ssd.errors import ConfigError

__all__ = [
    "check_at_most",
    "check_choices",
    "check_ending",
    "check_not_negative",
    "check_positive",
    "check_probability",
    "check_random_seed",
    "check_range",
    "check_types",
    "is_whole",
    "raise_all",
]


def raise_all(config: object, faults: list[str]) -> None:
    """Raise ConfigError if there are faults."""
    if faults:
        raise ConfigError(f"{type(config).__name__}: " + "; ".join(faults))


_NUMBERS: dict[Any, tuple[type, str]] = {
    int: (numbers.Integral, "a whole number"),
    float: (numbers.Real, "a number"),
    bool: (bool, "True or False"),
}


_TUPLES: dict[Any, str] = {int: "whole numbers", float: "numbers", str: "names"}


def is_whole(value: object) -> bool:
    """Return whether a value is a whole number of Python or NumPy; a bool is not."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def check_types(config: object) -> None:
    """Raise ConfigError if a value is not of its field's kind of number or class, before other checks compare it.

    The command line parses its numbers; a caller in Python may give anything.
    """
    faults = []
    for name, hint in get_type_hints(type(config)).items():
        value = getattr(config, name)
        what = _tuple_fault(hint, value) if get_origin(hint) is tuple else _fault(hint, value)
        if what:
            faults.append(f"{name} must be {what}, not {value!r}")
    raise_all(config, faults)


def check_range(name: str, value: tuple[float, float], low: float, high: float) -> list[str]:
    """Return the faults of a pair that must be ascending and within limits."""
    if len(value) == 2 and low <= value[0] <= value[1] <= high:
        return []
    return [f"{name} must be (low, high) within {low:g}..{high:g}, not {value!r}"]


def check_at_most(config: object, **limits: int) -> list[str]:
    """Return the faults of attributes that are above their limits."""
    values = {name: getattr(config, name) for name in limits}
    return [
        f"{name} must be at most {limits[name]}, not {value!r}"
        for name, value in values.items()
        if value > limits[name]
    ]


def check_choices(config: object, *names: str) -> list[str]:
    """Return the faults of attributes that must be one of the values of their `Literal` type."""
    hints, faults = get_type_hints(type(config)), []
    for name in names:
        *others, last = choices = get_args(hints[name])
        value = getattr(config, name)
        if value not in choices:
            faults.append(f"{name} must be {', '.join(others)} or {last}, not {value!r}")
    return faults


def check_ending(config: object, name: str, *endings: str) -> list[str]:
    """Return the faults of a file to write, if there is one: another kind of file, such as a shard, is not replaced."""
    path = getattr(config, name)
    if not path or Path(path).suffix.lower() in endings:
        return []
    *others, last = endings
    known = f"{', '.join(others)} or {last}" if others else last
    return [f"{name} must be a name that ends in {known}, not {str(path)!r}"]


def check_probability(name: str, value: float) -> list[str]:
    """Return the faults of a probability."""
    return [] if 0 <= value <= 1 else [f"{name} must be a probability within 0..1, not {value!r}"]


def check_positive(config: object, *names: str) -> list[str]:
    """Return the faults of attributes that must be greater than 0."""
    return [
        f"{name} must be greater than 0, not {getattr(config, name)!r}"
        for name in names
        if not getattr(config, name) > 0
    ]


def check_not_negative(config: object, *names: str) -> list[str]:
    """Return the faults of attributes that must be 0 or greater."""
    return [
        f"{name} must not be negative, not {getattr(config, name)!r}"
        for name in names
        if not getattr(config, name) >= 0
    ]


def check_random_seed(seed: int) -> list[str]:
    """Return the faults of a seed that NumPy's and MXNet's generators get as well."""
    return [] if seed < 2**32 else [f"seed must be below 2^32, not {seed!r}"]


def _fault(hint: Any, value: object) -> str:
    """Return what a value should be if it is not; empty for what is checked elsewhere."""
    if isinstance(hint, type) and is_dataclass(hint):
        return "" if isinstance(value, hint) else f"of the class {hint.__name__}"
    kind, what = _NUMBERS.get(hint, (object, ""))
    odd = hint is not bool and isinstance(value, bool)
    return what if not isinstance(value, kind) or odd else ""


def _tuple_fault(hint: Any, value: Any) -> str:
    """Return what a tuple should be if its length or an item is wrong; a list will do."""
    kinds = get_args(hint)
    several = kinds[-1] is Ellipsis
    sequence = isinstance(value, (tuple, list))
    if sequence and (several or len(value) == len(kinds)) and not any(_fault(kinds[0], item) for item in value):
        return ""
    kind = _TUPLES.get(kinds[0], "values")
    return kind if several else f"{len(kinds)} {kind}"
