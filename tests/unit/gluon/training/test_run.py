from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mxnet")

from dali_ssd.errors import DatasetError, MissingDependencyError
from dali_ssd.gluon.distributed.workers import OneWorker
from dali_ssd.gluon.options import TrainConfig
from dali_ssd.gluon.training import run as module
from dali_ssd.loader.recipes import find_recipe


def test_a_loader_that_cannot_score_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its threads would go on beside the error that a notebook shows."""
    closed: list[bool] = []

    class Loader:
        def __init__(self, *_: object, **__: object) -> None:
            self.report = self

        def require_countable(self) -> None:
            raise DatasetError("nothing counts")

        def close(self) -> None:
            closed.append(True)

    monkeypatch.setattr(module, "ValLoader", Loader)
    setup = module.Setup(TrainConfig(), find_recipe(), OneWorker(), [], [], [Path("a.rec")], ("cat",), 1)
    with pytest.raises(DatasetError, match="nothing counts"):
        setup.val_loader()
    assert closed == [True]


@pytest.mark.parametrize(("library", "options"), [("matplotlib", {}), ("pycocotools", {"val": ("no/such.rec",)})])
def test_what_a_later_epoch_needs_is_asked_for_first(
    library: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing would be saved of an epoch that ends so."""
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependencyError, match=f"(?i){library} is not installed; run: pip install"):
        module.Setup.from_config(TrainConfig(train=("no/such.rec",), **options), OneWorker(), 1)
