from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("mxnet")

from dali_ssd.errors import DatasetError
from dali_ssd.gluon.options import TrainConfig
from dali_ssd.gluon.training import run as module
from dali_ssd.gluon.training.distributed import OneWorker
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
    setup = module.Setup(TrainConfig(), find_recipe(), OneWorker(), [], [], [Path("a.rec")], ("cat",))
    with pytest.raises(DatasetError, match="nothing counts"):
        setup.val_loader()
    assert closed == [True]
