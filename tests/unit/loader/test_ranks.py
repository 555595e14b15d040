"""Loaders of several ranks: the same as one process with as many devices, and every record once in a pass over all."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dali_ssd import TrainLoader
from dali_ssd.errors import CheckpointError, DatasetError, RecordLocation
from tests.support.loaders import as_numpy, contexts, same, train
from tests.support.shards import write_random


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Returns shards of so many records, the same for the same number."""
    known: dict[int, tuple[Path, ...]] = {}

    def of(count: int) -> tuple[Path, ...]:
        if count not in known:
            known[count] = write_random(tmp_path_factory.mktemp(f"shards{count}"), count, num_shards=2)
        return known[count]

    return of


def ranks(shards: Any, size: int, *, devices: int = 1, each: int = 2, **options: Any) -> list[TrainLoader]:
    """Loaders of `size` ranks with so many devices, and `each` images a batch on each of them."""
    usual = {"ctx": contexts(devices), "batch_size": each * devices, "num_threads": 1, "data_shape": 32, "seed": 7}
    return [train(shards, **usual, **options, world_size=size, rank=rank) for rank in range(size)]


def on_device(batch: Any, device: int) -> tuple[list[bytes], list[RecordLocation]]:
    """What a batch has on one of its devices: images, targets, and which records they are."""
    places, each = batch.records(), len(batch.data[0])
    arrays = [as_numpy(part[device]).tobytes() for part in batch]
    return arrays, places[device * each : (device + 1) * each]


def require_same_step(of_ranks: list[TrainLoader], alone: TrainLoader, steps: Any) -> int:
    """Compare batches for batches of the rest of an epoch; return how many there were."""
    count = 0
    for *parts, whole in steps:
        count += 1
        for device, part in enumerate(parts):
            assert on_device(part, 0) == on_device(whole, device)
    assert [loader.epoch for loader in of_ranks] == [alone.epoch] * len(of_ranks)
    return count


@pytest.mark.parametrize(("count", "size"), [(21, 2), (61, 2), (50, 3)], ids=["one group", "two groups", "three ranks"])
def test_ranks_with_one_device_get_what_one_process_with_as_many_gets(shards: Any, count: int, size: int) -> None:
    """Records, pixels and targets at every step, over three epochs."""
    of_ranks = ranks(shards(count), size)
    (alone,) = ranks(shards(count), 1, devices=size)
    assert alone._num_groups == of_ranks[0]._num_groups == (2 if count == 61 else 1)
    for _ in range(3):
        steps = len(alone)
        assert require_same_step(of_ranks, alone, zip(*of_ranks, alone, strict=True)) == steps


@pytest.mark.parametrize("count", [21, 61], ids=["one group", "two groups"])
@pytest.mark.parametrize("taken", [1, 3])
def test_so_do_ranks_that_resume_in_mid_epoch(shards: Any, count: int, taken: int) -> None:
    before = ranks(shards(count), 2)
    (alone,) = ranks(shards(count), 1, devices=2)
    rest = iter(alone)
    for loader in before:
        for _, _batch in zip(range(taken), loader, strict=False):
            pass
    for _ in range(taken):
        next(rest)
    after = ranks(shards(count), 2)
    for old, new in zip(before, after, strict=True):
        new.load_state_dict(old.state_dict())
    steps = len(alone) - taken
    assert steps > 0 and require_same_step(after, alone, zip(*after, rest, strict=True)) == steps
    assert require_same_step(after, alone, zip(*after, alone, strict=True)) > 0


@pytest.mark.parametrize(
    ("count", "size", "devices", "each"),
    [
        (23, 2, 1, 4),
        (23, 3, 1, 2),
        (23, 5, 1, 2),
        (23, 2, 2, 2),
        (60, 2, 1, 2),
        (53, 2, 1, 2),
        (97, 3, 2, 1),
        (131, 5, 1, 2),
        (79, 2, 1, 3),
    ],
    ids=str,
)
def test_every_record_is_given_out_once_an_epoch_but_for_a_bounded_rest(
    shards: Any, count: int, size: int, devices: int, each: int
) -> None:
    """The bounds of the docstring of `TrainLoader`."""
    of_ranks = ranks(shards(count), size, devices=devices, each=each)
    step, in_turns = size * devices * each, of_ranks[0]._num_groups == 2
    most_again = size * devices * -(-each // 2) if in_turns else 0
    seen: Counter[RecordLocation] = Counter()
    for epoch in range(1, 6):
        assert len({len(loader) for loader in of_ranks}) == 1
        for batches in zip(*of_ranks, strict=True):
            seen.update(place for batch in batches for place in batch.records())
        times = [*seen.values(), *[0] * (count - len(seen))]
        again, short = (sum(max(0, sign * (time - epoch)) for time in times) for sign in (1, -1))
        assert max(times) <= epoch + in_turns and min(times) >= epoch - 1
        assert again <= most_again and short - again == epoch * count % step


@pytest.mark.parametrize(("size", "each"), [(2, 5), (3, 5), (5, 3)])
def test_a_pass_over_all_ranks_has_every_record_once(shards: Any, size: int, each: int) -> None:
    """Where the records divide, an epoch is a pass."""
    of_ranks = ranks(shards(30), size, each=each)
    orders = []
    for _ in range(3):
        places = [place for batches in zip(*of_ranks, strict=True) for batch in batches for place in batch.records()]
        assert len(places) == len(set(places)) == 30
        orders.append(tuple(map(str, places)))
    assert len(set(orders)) == 3


@pytest.mark.parametrize("size", [2, 3, 5])
def test_each_rank_has_other_records_in_the_next_pass(shards: Any, size: int) -> None:
    (first, *_) = ranks(shards(30), size, each=30 // size)
    epochs = [{place for batch in first for place in batch.records()} for _ in range(size)]
    assert len(set().union(*epochs)) == sum(map(len, epochs)) == 30


@pytest.mark.parametrize("size", [2, 3, 5])
def test_fewer_records_than_a_step_takes_are_repeated_and_none_is_left_out(shards: Any, size: int) -> None:
    """Thirteen records: each is given out about as often as any other, on any rank."""
    of_ranks = ranks(shards(13), size, each=8)
    seen: Counter[RecordLocation] = Counter()
    for epoch in range(1, 6):
        steps = [tuple(batches) for batches in zip(*of_ranks, strict=True)]
        assert len(steps) == 1
        seen.update(place for batch in steps[0] for place in batch.records())
        assert len(seen) == 13 and sum(seen.values()) == epoch * 8 * size
        assert max(seen.values()) - min(seen.values()) <= 2


def test_fewer_records_than_devices_are_refused_by_every_rank(shards: Any) -> None:
    for rank in range(5):
        with pytest.raises(DatasetError, match="4 records for 5 devices: each needs one at least"):
            train(shards(4), world_size=5, rank=rank, batch_size=1)


def test_one_record_a_device_is_enough(shards: Any) -> None:
    of_ranks = ranks(shards(5), 5, each=1)
    for _ in range(3):
        (batches,) = zip(*of_ranks, strict=True)
        assert len({place for batch in batches for place in batch.records()}) == 5


def test_the_state_before_a_batch_leads_back_to_it(shards: Any) -> None:
    """Also if the loader has gone on to the next batch, the next run or the next epoch meanwhile."""
    loader, _ = ranks(shards(61), 2)
    steps = []
    for _ in range(2):
        epoch = iter(loader)
        for _ in range(len(loader)):
            state = loader.state_dict()
            steps.append((state, next(epoch)))
        assert next(epoch, None) is None
    for state, batch in steps[::5]:
        loader.load_state_dict(state)
        assert loader.state_dict() == state
        again = next(iter(loader))
        assert same(again, batch) and again.records() == batch.records()


def test_a_state_costs_next_to_nothing(shards: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of a millisecond at most, so that it can be taken before every batch."""
    (loader,) = ranks(shards(21), 1)
    state = loader.state_dict()
    monkeypatch.setattr(loader, "_identify", None)
    times = []
    for _ in range(100):
        begin = time.perf_counter()
        again = loader.state_dict()
        times.append(time.perf_counter() - begin)
        assert again == state
    assert statistics.median(times) < 1e-4


def test_what_a_state_says_is_its_own(shards: Any) -> None:
    (loader,) = ranks(shards(21), 1)
    loader.state_dict()["identity"].clear()
    loader.load_state_dict(loader.state_dict())


def test_the_state_of_another_rank_is_refused(shards: Any) -> None:
    first, second = ranks(shards(21), 2)
    assert first.state_dict()["identity"] == second.state_dict()["identity"]
    with pytest.raises(CheckpointError, match=r"another run: the rank was 1 and is 0$"):
        first.load_state_dict(second.state_dict())


def test_a_state_from_before_they_had_ranks_is_taken(shards: Any) -> None:
    (loader,) = ranks(shards(21), 1)
    state = loader.state_dict()
    del state["rank"]
    loader.load_state_dict(state)
