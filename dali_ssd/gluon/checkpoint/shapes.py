"""Whether stored parameters are those of a network, by their names and shapes."""

from __future__ import annotations

from collections.abc import Mapping

from dali_ssd.util.words import counted

__all__ = ["difference"]


def difference(stored: Mapping[str, tuple[int, ...]], network: Mapping[str, tuple[int, ...]]) -> str:
    """Return in words how stored parameters differ from a network's, given shapes by name; nothing if they do not."""
    differ = sorted(name for name in stored.keys() | network.keys() if stored.get(name) != network.get(name))
    if not differ:
        return ""
    there, here = (shapes.get(differ[0], "missing") for shapes in (stored, network))
    return f"{counted(len(differ), 'parameter')} of another kind, such as {differ[0]}: stored {there}, here {here}"
