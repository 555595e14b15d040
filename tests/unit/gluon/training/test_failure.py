"""Runs that end by an error: what is saved, whose error all hear of, and that nothing is lost by going on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mxnet")

from mxnet.base import MXNetError

from dali_ssd.errors import DaliSsdError, RecordError, TrainingError
from dali_ssd.gluon.distributed.meetings import Meetings, ProcessFailed
from dali_ssd.gluon.options import TrainConfig
from dali_ssd.gluon.training.failure import Ending, end_together, lost
from dali_ssd.gluon.training.trainer import Trainer
from dali_ssd.reporting.log import TrainLog
from tests.support.score import Score
from tests.support.team import Member, together

CONFIG = TrainConfig(
    epochs=2, lr=0.01, lr_decay_epoch="1", lr_warmup=4, global_batch_size=2, log_interval=2, save_interval=0,
    checkpoint_keep=9,
)  # fmt: skip
BATCHES = 3


def failing(loader: Any, at: int, error: Exception) -> Any:
    """A loader that fails at the batch of a number, counted over all epochs."""
    taken = iter(range(at))

    class Failing(type(loader)):  # type: ignore[misc]
        def __iter__(self) -> Iterator[Any]:
            for batch in super().__iter__():
                if next(taken, None) is None:
                    raise error
                yield batch

    return Failing(loader.batches)


def said(log_file: Path) -> str:
    return log_file.read_text().splitlines()[-1]


@pytest.fixture(scope="module")
def whole(make_net: Any, make_loader: Any, weights_of: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """The weights that a run without an error ends with."""
    net = make_net()
    Trainer(net, make_loader(BATCHES), CONFIG).run()
    return weights_of(net)


def test_after_an_error_inside_mxnet_nothing_is_saved(make_net: Any, make_loader: Any, tmp_path: Path) -> None:
    """Some weights may have been updated, and others not."""
    prefix, error = str(tmp_path / "ssd"), MXNetError("no memory")
    with TrainLog(tmp_path / "train.log") as log:
        trainer = Trainer(make_net(), failing(make_loader(BATCHES), 1, error), CONFIG, prefix=prefix, log=log)
        with pytest.raises(MXNetError):
            trainer.run()
    assert said(tmp_path / "train.log") == "Stopped after step 1; nothing was saved; go on from the last checkpoint"
    assert not Path(f"{prefix}_00000001.ckpt").exists()


@pytest.mark.parametrize(("at", "kind"), [(1, RecordError), (3, ValueError), (5, OSError)])
def test_after_an_error_of_the_loader_a_run_goes_on_to_the_same_bits(
    make_net: Any, make_loader: Any, weights_of: Any, whole: dict[str, Any], tmp_path: Path, at: int, kind: Any
) -> None:
    prefix, error, cause = str(tmp_path / "ssd"), kind("the disk is gone"), OSError("I/O")
    error.__cause__ = cause
    with TrainLog(tmp_path / "train.log") as log:
        trainer = Trainer(make_net(), failing(make_loader(BATCHES), at, error), CONFIG, prefix=prefix, log=log)
        with pytest.raises(kind) as caught:
            trainer.run()
    assert caught.value is error and error.__cause__ is cause
    path = Path(f"{prefix}_{at:08d}.ckpt")
    assert said(tmp_path / "train.log") == f"Stopped after step {at}; saved {path}; go on with --resume {path}"
    net = make_net(seed=9)
    resumed = Trainer(net, make_loader(BATCHES), CONFIG, prefix=prefix)
    resumed.resume(path)
    result = resumed.run()
    assert (result.epochs, result.steps) == (2, 2 * BATCHES)
    found = weights_of(net)
    assert all((whole[name] == found[name]).all() for name in whole)


def test_an_error_before_the_first_step_saves_nothing(make_net: Any, make_loader: Any, tmp_path: Path) -> None:
    trainer = Trainer(
        make_net(), failing(make_loader(BATCHES), 0, RecordError("gone")), CONFIG, prefix=f"{tmp_path}/ssd"
    )
    with pytest.raises(RecordError, match="gone"):
        trainer.run()
    assert not list(tmp_path.glob("*.ckpt"))


def test_a_loss_that_is_not_finite_saves_nothing(
    make_net: Any, make_loader: Any, poisoned: Any, tmp_path: Path
) -> None:
    loader = make_loader(BATCHES)
    loader.batches[1] = poisoned(loader.batches[1])
    with TrainLog(tmp_path / "train.log") as log:
        trainer = Trainer(make_net(), loader, CONFIG, prefix=f"{tmp_path}/ssd", log=log)
        with pytest.raises(TrainingError, match="not finite at step 2"):
            trainer.run()
    assert not list(tmp_path.glob("*.ckpt"))
    assert "nothing was saved; go on from the last checkpoint" in said(tmp_path / "train.log")


def test_a_loss_that_is_not_finite_yet_unread_is_not_saved_by_another_error(
    make_net: Any, make_loader: Any, poisoned: Any, tmp_path: Path
) -> None:
    """The step's loss is read a step later, and the loader fails in between."""
    loader = make_loader(BATCHES)
    loader.batches[1] = poisoned(loader.batches[1])
    loader, config = failing(loader, 2, RecordError("gone")), replace(CONFIG, log_interval=0)
    trainer = Trainer(make_net(), loader, config, prefix=f"{tmp_path}/ssd")
    with pytest.raises(RecordError, match="gone"):
        trainer.run()
    assert not list(tmp_path.glob("*.ckpt"))


def test_an_error_while_scoring_is_resumed_with_the_scoring(make_net: Any, make_loader: Any, tmp_path: Path) -> None:
    def broken(net: Any) -> Score:
        raise RecordError("gone")

    config = replace(CONFIG, epochs=1)
    with pytest.raises(RecordError, match="gone"):
        Trainer(make_net(), make_loader(BATCHES), config, prefix=f"{tmp_path}/ssd", score=broken).run()
    resumed = Trainer(make_net(), make_loader(BATCHES), config, score=lambda net: Score())
    resumed.resume(tmp_path / f"ssd_{BATCHES:08d}.ckpt")
    result = resumed.run()
    assert (result.epochs, result.steps, result.best_map) == (1, BATCHES, 0.5)


def test_an_error_with_a_disk_that_is_full_is_still_that_error(
    make_net: Any, make_loader: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise DaliSsdError("cannot write: no space left")

    monkeypatch.setattr("dali_ssd.gluon.checkpoint.resume.write_checkpoint", full)
    with TrainLog(tmp_path / "train.log") as log:
        loader = failing(make_loader(BATCHES), 2, RecordError("gone"))
        with pytest.raises(RecordError, match="gone"):
            Trainer(make_net(), loader, CONFIG, prefix=f"{tmp_path}/ssd", log=log).run()
    assert "nothing was saved (cannot write: no space left); go on" in said(tmp_path / "train.log")


class Endings:
    """How processes end with these errors, None where a process has not failed itself."""

    def __init__(self, *errors: Exception | None, save: Callable[[], None] = lambda: None) -> None:
        self.errors, self.save = errors, save
        self.saved: dict[int, list[bytes]] = {}
        self.left: list[bool] = [False] * len(errors)

    def __call__(self) -> list[Any]:
        return together(len(self.errors), self._end)

    def _end(self, one: Member) -> Ending:
        own = self.errors[one.rank]
        meetings = Meetings(one)
        error = own
        if error is None:
            try:
                meetings.meet("step")
            except ProcessFailed as failed:
                error = failed
        assert error is not None

        def save(parts: list[bytes]) -> bool:
            self.saved[one.rank] = parts
            if one.rank == 0:
                self.save()
            return one.rank == 0

        ending = end_together(error, meetings, lambda: b"part %d" % one.rank, save)
        self.left[one.rank] = one.left
        return ending


def test_all_save_and_hear_of_the_one_that_failed() -> None:
    error = RecordError("record 3 of b.rec is damaged")
    endings = Endings(None, error, None)
    for rank, ending in enumerate(endings()):
        assert (ending.process, ending.message, ending.saved, ending.why_not) == (1, str(error), True, "")
        if rank == 1:
            assert ending.error is error
        else:
            assert isinstance(ending.error, TrainingError)
            assert str(ending.error) == "process 1 failed: record 3 of b.rec is damaged"
        assert endings.saved[rank] == [b"part 0", b"part 1", b"part 2"]
    assert endings.left == [True] * 3


def test_the_earliest_step_is_to_blame() -> None:
    """What is not finite in one process is not finite in all a step later, and may be read there first."""
    errors = (TrainingError("not finite at step 9", 9), TrainingError("at step 8", 8), TrainingError("at 9", 9))
    endings = Endings(*errors)
    results = endings()
    assert [(ending.process, ending.message, ending.saved) for ending in results] == [(1, "at step 8", False)] * 3
    assert results[1].error is errors[1]
    assert [str(results[rank].error) for rank in (0, 2)] == ["process 1 failed: at step 8"] * 2
    assert endings.saved == {}


def test_of_errors_without_a_step_the_first_process_is_named_and_after_those_with_one() -> None:
    for errors, process in (
        ((None, RecordError("a"), RecordError("b")), 1),
        ((RecordError("a"), None, TrainingError("b", 3)), 2),
        ((TrainingError("no batch"), RecordError("b"), None), 0),
    ):
        assert {ending.process for ending in Endings(*errors)()} == {process}


@pytest.mark.parametrize("bad", [0, 1])
def test_nothing_is_saved_if_the_weights_of_one_are_not_good(bad: int) -> None:
    errors: list[Exception | None] = [RecordError("gone"), RecordError("gone")]
    errors[bad] = TrainingError("not finite", 4)
    endings = Endings(*errors)
    assert [(ending.process, ending.saved) for ending in endings()] == [(bad, False)] * 2
    assert endings.saved == {}


def test_a_disk_that_is_full_is_said_where_it_is() -> None:
    def full() -> None:
        raise DaliSsdError("no space left")

    first, second = Endings(None, RecordError("gone"), save=full)()
    assert (first.saved, first.why_not) == (False, "no space left")
    assert second.message == first.message == "gone"


def test_an_error_without_words_is_named() -> None:
    first, second = Endings(ValueError(), None)()
    assert first.message == "ValueError()" and str(second.error) == "process 0 failed: ValueError()"


def test_only_mxnets_errors_among_several_may_be_another_process() -> None:
    error, own = MXNetError("Connection reset\nmore"), ValueError("own")
    assert lost(error, 1) is error and lost(own, 2) is own
    assert "(Connection reset): if another process has ended" in str(lost(error, 2))
