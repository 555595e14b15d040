"""What a scoring function returns, of a chosen mAP."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Score:
    mean_ap: float = 0.5

    def lines(self) -> list[str]:
        return ["circle=0.25", f"mAP={self.mean_ap}"]

    def numbers(self) -> dict[str, float]:
        return {"map": self.mean_ap}
