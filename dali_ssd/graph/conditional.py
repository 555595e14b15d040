"""A choice per image, as by an `if` in a pipeline, but without DALI's rewriting of all functions.

DALI's own `enable_conditionals` builds on these operators, which have no public name; nothing else here uses them.
"""

from __future__ import annotations

from typing import Any

from nvidia.dali import fn

__all__ = ["merge", "split"]


def split(predicate: Any, *nodes: Any) -> tuple[list[Any], list[Any]]:
    """Divide the images of all nodes, without copies, into those for which `predicate` holds and the others."""
    pairs = [_operators().split(node, predicate=predicate) for node in nodes]
    return [true for true, _ in pairs], [false for _, false in pairs]


def merge(predicate: Any, if_true: Any, if_false: Any) -> Any:
    """Join the images of both branches in their original order."""
    return _operators().merge(if_true, if_false, predicate=predicate)


def _operators() -> Any:
    return fn._conditional  # type: ignore[attr-defined]
