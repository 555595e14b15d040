from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dali_ssd.bench.measuring import child


def test_every_contender_has_dalis_pool_of_host_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our loader sets it itself; without it the peers that use DALI would be slower."""
    monkeypatch.delenv("DALI_MALLOC_POOL_THRESHOLD", raising=False)
    seen: list[str | None] = []

    def look(request: Path) -> child.Request:
        seen.append(os.environ.get("DALI_MALLOC_POOL_THRESHOLD"))
        raise ValueError("that is all")

    monkeypatch.setattr(child.Request, "read", look)
    assert child.main(tmp_path / "request.json", tmp_path / "result.json") == 1
    assert seen == ["256k"]
    assert json.loads((tmp_path / "result.json").read_text()) == {"error": "ValueError: that is all"}
