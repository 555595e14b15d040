"""What iterations of loaders have in common, whatever the framework."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from dali_ssd.errors import ConfigError

__all__ = ["require_newest_alone"]


def require_newest_alone(loader: Iterable[Any]) -> None:
    """Check that an iteration ends with an error once a later one has begun."""
    earlier = iter(loader)
    next(earlier)
    next(iter(loader))
    with pytest.raises(ConfigError, match="a later one has begun"):
        next(earlier)
