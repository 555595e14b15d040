from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("mxnet")

from dali_ssd.config import NvjpegConfig
from dali_ssd.errors import DatasetError, MissingDependencyError
from dali_ssd.gluon.distributed.workers import OneWorker
from dali_ssd.gluon.options import TrainConfig
from dali_ssd.gluon.training import run as module
from dali_ssd.loader.recipes import find_recipe
from dali_ssd.reporting.log import TrainLog


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


def test_options_for_gpus_reach_both_loaders(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    class Loader:
        report = SimpleNamespace(require_countable=lambda: None)

        def __init__(self, *_: object, **options: Any) -> None:
            given.append((options["pipeline"].plugin, options["nvjpeg"]))

    for name in ("TrainLoader", "ValLoader"):
        monkeypatch.setattr(module, name, Loader)
    nvjpeg = NvjpegConfig(hw_decoder_load=0.5)
    config = TrainConfig(plugin="off", nvjpeg=nvjpeg)
    setup = module.Setup(config, find_recipe(), OneWorker(), [], [], [Path("a.rec")], ("cat",), 1)
    setup.train_loader(None)
    setup.val_loader()
    assert given == [("off", nvjpeg)] * 2


@pytest.mark.parametrize(
    ("library", "options"),
    [
        ("matplotlib", {}),
        ("jinja2", {}),
        ("pycocotools", {"val": ("no/such.rec",)}),
        ("tensorboardX", {"tensorboard": "folder"}),
    ],
)
def test_what_a_later_epoch_needs_is_asked_for_first(
    library: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing would be saved of an epoch that ends so."""
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependencyError, match=f"(?i){library} is not installed; run: pip install"):
        module.Setup.from_config(TrainConfig(train=("no/such.rec",), **options), OneWorker(), 1)


def test_without_a_report_jinja2_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(DatasetError, match=r"there is no file no/such\.rec"):
        module.Setup.from_config(TrainConfig(train=("no/such.rec",), report=False), OneWorker(), 1)


@pytest.mark.parametrize(("rank", "count"), [(0, 2), (1, 0)])
def test_only_rank_0_shows_the_run(rank: int, count: int, tmp_path: Path) -> None:
    workers = OneWorker()
    vars(workers).update(rank=rank, size=2)
    pytest.importorskip("tensorboardX")
    config = TrainConfig(save_prefix=f"{tmp_path}/", tensorboard=str(tmp_path / "tb"))
    setup = module.Setup(config, find_recipe(), workers, [], [], [], ("cat",), 1)
    loader: Any = SimpleNamespace(num_records=7)
    assert len(module._views(setup, TrainLog(quiet=True), loader, None)._views) == count
