"""What charts draw, before it is SVG."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dali_ssd.pages.charts import chart
from dali_ssd.pages.elements import Chart

__all__ = ["axes_of"]


def axes_of(module: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The axes of all charts that a module draws from now on, in their order."""
    drawn: list[Any] = []

    def keeping(paint: Callable[[Any], None], *args: Any, **options: Any) -> Chart:
        def paint_and_keep(axes: Any) -> None:
            paint(axes)
            drawn.append(axes)

        return chart(paint_and_keep, *args, **options)

    monkeypatch.setattr(f"{module}.chart", keeping)
    return drawn
