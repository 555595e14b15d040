"""What the reference of the API leaves out."""

from __future__ import annotations

from typing import Any

import griffe

__all__ = ["Quiet"]


class Quiet(griffe.Extension):  # type: ignore[misc]
    """Leave out methods that nobody calls, such as the checks of options."""

    def on_class_members(self, *, cls: Any, **_: Any) -> None:
        """Forget what Python itself calls when an object is made or copied."""
        for name in ("__post_init__", "__reduce__"):
            cls.members.pop(name, None)
