"""What the reference of the API leaves out."""

from __future__ import annotations

from typing import Any

import griffe

__all__ = ["Quiet"]


class Quiet(griffe.Extension):  # type: ignore[misc]
    """Leave out the checks of options, which nobody calls."""

    def on_class_members(self, *, cls: Any, **_: Any) -> None:
        """Forget what Python itself calls once an object is made."""
        cls.members.pop("__post_init__", None)
