"""Loaders for PyTorch: the numbers of all loaders, as tensors over DALI's memory."""

from __future__ import annotations

import gc
import io
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from dali_ssd.errors import CheckpointError
from dali_ssd.loader.frameworks import dlpack
from dali_ssd.torch import BoxBatch, EncodedBatch, batch, tensors
from tests.support.interrupts import interrupted
from tests.support.iterations import require_newest_alone
from tests.support.recipe import OWN
from tests.support.torch_loaders import COUNT, NAMES, PAIRS, boxes, encoded, require_numbers, same, val
from tests.support.torch_loaders import tensors as all_tensors

OTHERS = [
    "dlpack",
    pytest.param("mxnet", marks=pytest.mark.skipif(not find_spec("mxnet"), reason="needs MXNet")),
]
pairs = pytest.mark.parametrize(("make", "other"), PAIRS, ids=NAMES)
makers = pytest.mark.parametrize("make", [encoded, boxes, val])
trainers = pytest.mark.parametrize("make", [encoded, boxes])


@pairs
@pytest.mark.parametrize("framework", OTHERS)
def test_the_numbers_are_those_of_other_frameworks(shard: Path, make: Any, other: Any, framework: str) -> None:
    """Bit by bit, over epochs of twelve and thirteen batches, the last of validation with one image."""
    with make(shard) as ours, other(shard, framework=framework) as theirs:
        for _ in range(2):
            for one, another in zip(ours, theirs, strict=True):
                require_numbers(one, another)
                assert one.records() == another.records()


def test_an_iterator_of_validation_that_another_has_followed_is_refused(shard: Path) -> None:
    with val(shard) as loader:
        require_newest_alone(loader)


def test_batches_have_the_shapes_types_and_names_of_pytorch(shard: Path) -> None:
    with encoded(shard) as loader:
        one = next(iter(loader))
        images, classes, offsets = one
        assert isinstance(one, EncodedBatch) and len(one) == 3 and one[1] is classes
        assert (images.shape, images.dtype) == ((2, 3, 64, 64), torch.float32) and images.is_contiguous()
        assert (classes.shape, classes.dtype) == ((2, 147), torch.int64)
        assert (offsets.shape, offsets.dtype) == ((2, 147, 4), torch.float32)
    with boxes(shard) as loader:
        other = next(iter(loader))
        images, targets = other
        assert isinstance(other, BoxBatch) and len(targets) == len(images) == 2 and other[1] is targets
        assert all(one.keys() == {"boxes", "labels"} for one in targets)


@pytest.fixture
def dalis_memory(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """First and last address of all tensors that DALI gave out."""
    found: list[tuple[int, int]] = []
    array = dlpack.array

    def remember(tensor_list: Any, device: Any) -> Any:
        tensor = tensor_list.as_tensor()
        found.append((tensor.data_ptr(), tensor.data_ptr() + int(np.prod(tensor.shape())) * 4))
        return array(tensor_list, device)

    monkeypatch.setattr(dlpack, "array", remember)
    return found


@makers
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_images_and_offsets_are_dalis_memory(
    shard: Path, make: Any, memory_format: Any, dalis_memory: list[tuple[int, int]]
) -> None:
    with make(shard, memory_format=memory_format) as loader:
        for one in loader:
            assert one.images.shape[1:] == (3, 64, 64)
            assert one.images.is_contiguous(memory_format=memory_format)
            for tensor in [one.images, *([one.box_targets] if isinstance(one, EncodedBatch) else [])]:
                begin, size = tensor.data_ptr(), tensor.numel() * tensor.element_size()
                assert any(low <= begin and begin + size <= high for low, high in dalis_memory)


@makers
def test_the_memory_format_changes_no_number(shard: Path, make: Any) -> None:
    with make(shard) as usual, make(shard, memory_format=torch.channels_last) as loader:
        assert all(map(same, usual, loader))


@makers
def test_tensors_outlive_the_loader_and_its_later_batches(shard: Path, make: Any) -> None:
    kept = []
    with make(shard) as loader:
        for _ in range(3):
            kept += [(tensor, tensor.clone()) for one in loader for tensor in all_tensors(one)]
    del loader
    gc.collect()
    assert all(torch.equal(tensor, copy) for tensor, copy in kept)


@pairs
def test_float16_is_that_of_the_loader(shard: Path, make: Any, other: Any) -> None:
    with make(shard, dtype=torch.float16) as ours, other(shard, dtype="float16", framework="dlpack") as theirs:
        for one, another in zip(ours, theirs, strict=True):
            assert one.images.dtype == torch.float16
            require_numbers(one, another)


@makers
def test_bfloat16_is_rounded_from_float32(shard: Path, make: Any) -> None:
    with make(shard, dtype="bfloat16") as loader, make(shard) as usual:
        for one, other in zip(loader, usual, strict=True):
            assert torch.equal(one.images, other.images.to(torch.bfloat16)) and one.images.dtype == torch.bfloat16
            assert same(one[1:], other[1:])


@makers
@pytest.mark.parametrize(
    ("options", "dtype", "last"),
    [({}, torch.float16, True), ({"dtype": torch.bfloat16, "memory_format": torch.contiguous_format}, None, False)],
    ids=["the recipe's", "given"],
)
def test_the_recipes_type_and_layout_are_the_default(
    shard: Path, make: Any, options: dict[str, Any], dtype: Any, last: bool
) -> None:
    with make(shard, recipe=OWN, **options) as loader:
        images = next(iter(loader)).images
    assert images.dtype == (dtype or torch.bfloat16) and images.shape[1:] == (3, 64, 64)
    assert images.is_contiguous(memory_format=torch.channels_last) == last


@pytest.mark.parametrize(
    "options", [{}, {"recipe": OWN}, {"dtype": torch.bfloat16}], ids=["usual", "own recipe", "bfloat16"]
)
def test_the_last_batch_of_a_rank_may_be_empty(shard: Path, options: dict[str, Any]) -> None:
    """Of 25 records one rank has 12: six batches of two, where the other has seven. It is like the others."""
    with val(shard, rank=0, world_size=2, **options) as loader:
        *others, last = loader
    assert isinstance(last, BoxBatch) and last.targets == [] and last.records() == []
    assert last.images.shape == (0, 3, 64, 64)
    assert {one.images.dtype for one in others} == {last.images.dtype}
    assert len(torch.cat([one.images for one in (*others, last)])) == COUNT // 2


@trainers
@pytest.mark.parametrize("taken", [0, 5, 12, 13])
def test_a_saved_state_leads_to_the_rest_of_the_epoch(shard: Path, make: Any, taken: int) -> None:
    """As of torchdata's loaders: in mid-epoch, at its end (where nothing is left of it), and in the next."""
    file = io.BytesIO()
    with make(shard) as first, make(shard) as second:
        stream = (one for _ in range(3) for one in first)
        for _ in range(taken):
            next(stream)
        torch.save({"loader": first.state_dict()}, file)
        file.seek(0)
        state = torch.load(file, weights_only=True)["loader"]
        second.load_state_dict(state)
        assert second.state_dict() == state == first.state_dict()
        rest = (one for _ in range(3) for one in second)
        for _ in range(14):
            one, other = next(stream), next(rest)
            assert same(one, other) and one.records() == other.records()


def test_loaders_are_stateful_for_distributed_checkpoints(shard: Path) -> None:
    stateful = pytest.importorskip("torch.distributed.checkpoint.stateful")
    with encoded(shard) as loader:
        assert isinstance(loader, stateful.Stateful)


def test_a_state_of_another_rank_is_refused(shard: Path) -> None:
    with encoded(shard, rank=1, world_size=2) as other:
        state = other.state_dict()
    with (
        encoded(shard, rank=0, world_size=2) as one,
        pytest.raises(CheckpointError, match="the rank was 1 and is 0"),
    ):
        one.load_state_dict(state)


@makers
def test_no_batch_is_lost_that_is_cut_short_while_tensors_are_made(shard: Path, make: Any) -> None:
    """At any line of it; a validation begins anew."""
    files, line = {tensors.__file__, batch.__file__}, 0
    with make(shard) as loader, make(shard) as other:
        wanted = (one for _ in range(9) for one in other)
        while interrupted(lambda: next(iter(loader)), line, files=files):
            expected = next(iter(other)) if make is val else next(wanted)
            assert same(next(iter(loader)), expected)
            line += 1
        assert line > 4
