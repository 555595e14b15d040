"""Points at which processes that are measured at once wait for each other."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Meeting"]


@dataclass(frozen=True)
class Meeting:
    """Points that processes reach, each said by an empty file in a folder that they share."""

    folder: str = ""
    members: int = 1
    """Processes that meet; a single one waits for none."""

    def reached(self, point: str) -> bool:
        """Say that this process is at `point`, and return whether all are."""
        if self.members == 1:
            return True
        folder = Path(self.folder)
        (folder / f"{point}.{os.getpid()}").touch()
        return len(list(folder.glob(f"{point}.*"))) >= self.members
