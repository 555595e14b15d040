"""What a scoring function returns, of a chosen mAP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dali_ssd.metrics.detections import Detections


@dataclass
class Score:
    mean_ap: float = 0.5
    found: Sequence[Detections] = ()

    def lines(self) -> list[str]:
        return ["circle=0.25", f"mAP={self.mean_ap}"]

    def numbers(self) -> dict[str, Any]:
        return {"map": self.mean_ap}
