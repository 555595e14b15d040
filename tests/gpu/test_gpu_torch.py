"""Loaders for PyTorch on a GPU: tensors over DALI's memory, which goes back when the streams have read it."""

from __future__ import annotations

import gc
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch

from dali_ssd.torch import BoxBatch, lent
from tests.support.tiny import TinyNet, steps
from tests.support.torch_loaders import BOXES, ENCODED, PAIRS, boxes, encoded, require_numbers, same, tensors, val
from tests.support.twins import LEVEL, share_beyond

pytestmark = [
    pytest.mark.usefixtures("plugin"),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this PyTorch has no CUDA"),
]

USUAL: dict[str, Any] = {"device": "cuda", "plugin": "require"}
LONG = 200_000_000
"""Cycles of a kernel that waits: a tenth of a second, in which a loader makes many batches."""
makers = pytest.mark.parametrize("make", [encoded, boxes, val])


@pytest.mark.parametrize(("make", "other"), PAIRS, ids=["encoded", "boxes", "val"])
def test_tensors_are_on_the_gpu_with_the_numbers_of_the_loader_for_dlpack(pngs: Path, make: Any, other: Any) -> None:
    with make(pngs, **USUAL) as ours, other(pngs, ctx="gpu", framework="dlpack", plugin="require") as theirs:
        for one, another in zip(ours, theirs, strict=True):
            assert {tensor.device for tensor in tensors(one)} == {torch.device("cuda", 0)}
            require_numbers(one, another)
            assert one.records() == another.records()


def test_images_are_dalis_memory(pngs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    lend = lent.Lender.tensor

    def remember(self: lent.Lender, array: Any) -> Any:
        given.append(array.__cuda_array_interface__["data"][0])
        return lend(self, array)

    monkeypatch.setattr(lent.Lender, "tensor", remember)
    with val(pngs, **USUAL) as loader:
        assert [batch.images.data_ptr() for batch in loader] == given


@makers
def test_validation_and_targets_are_those_of_the_cpu(pngs: Path, make: Any) -> None:
    """PNGs are decoded on the host in any case; what is drawn depends on the run length, so one batch is compared."""
    with make(pngs, **USUAL, batch_size=16) as ours, make(pngs, batch_size=16) as theirs:
        one, other = next(iter(ours)), next(iter(theirs))
        assert one.records() == other.records()
        assert share_beyond(LEVEL, one.images.cpu().numpy(), other.images.numpy()) == 0
        for tensor, another in zip(tensors(one)[1:], tensors(other)[1:], strict=True):
            torch.testing.assert_close(tensor.cpu(), another, rtol=0, atol=1e-5)


@makers
def test_the_memory_goes_back_when_the_stream_has_read_it(pngs: Path, make: Any) -> None:
    """A kernel waits in the stream before the copies; meanwhile the tensors are freed, and more batches are made."""
    with make(pngs, **USUAL) as other:
        wanted = [tensor.clone() for batch in chain(other, other) for tensor in tensors(batch)]
    stream, copies = torch.cuda.Stream(), []
    with make(pngs, **USUAL) as loader, torch.cuda.stream(stream):
        for batch in chain(loader, loader):
            torch.cuda._sleep(LONG)
            copies += [tensor.clone() for tensor in tensors(batch)]
            del batch
            gc.collect()
        stream.synchronize()
    assert len(copies) == len(wanted) and all(map(torch.equal, copies, wanted))


@makers
def test_so_it_does_when_the_loader_is_gone(pngs: Path, make: Any) -> None:
    """The last tensor is freed while the kernel waits, and another loader writes other pixels into free memory."""
    with make(pngs, **USUAL) as other:
        wanted = [tensor.clone() for tensor in tensors(next(iter(other)))]
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        with make(pngs, **USUAL) as loader:
            batch = next(iter(loader))
        torch.cuda._sleep(LONG)
        copies = [tensor.clone() for tensor in tensors(batch)]
        del batch, loader
        gc.collect()
        with make(pngs, **USUAL, mean=(0, 0, 0)) as another:
            assert len(list(another)) == len(another)
        stream.synchronize()
    assert all(map(torch.equal, copies, wanted))


@makers
def test_tensors_outlive_the_loader_and_its_later_batches(pngs: Path, make: Any) -> None:
    kept = []
    with make(pngs, **USUAL) as loader:
        for _ in range(3):
            kept += [(tensor, tensor.clone()) for batch in loader for tensor in tensors(batch)]
    del loader
    gc.collect()
    assert all(torch.equal(tensor, copy) for tensor, copy in kept)


@makers
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_and_channels_last(pngs: Path, make: Any, dtype: torch.dtype) -> None:
    with make(pngs, **USUAL, dtype=dtype, memory_format=torch.channels_last) as loader, make(pngs, **USUAL) as usual:
        for one, other in zip(loader, usual, strict=True):
            assert one.images.dtype == dtype and one.images.is_contiguous(memory_format=torch.channels_last)
            torch.testing.assert_close(one.images.float(), other.images, rtol=2**-8, atol=2**-8)


def test_boxes_are_on_the_device_and_the_empty_batch_too(pngs: Path) -> None:
    with val(pngs, **USUAL, batch_size=5, rank=0, world_size=3) as loader:  # five of sixteen records, where one has six
        batches = list(loader)
    with boxes(pngs, **USUAL) as trained:
        batches += trained
    for batch in batches:
        assert isinstance(batch, BoxBatch)
        assert {tensor.device.type for tensor in tensors(batch)} == {"cuda"}


@makers
def test_batches_of_the_host_are_pinned_and_moved(pngs: Path, make: Any) -> None:
    """As users do who make them on the host."""
    with make(pngs) as loader:
        for batch in loader:
            pinned = batch.pin_memory()
            assert all(tensor.is_pinned() for tensor in tensors(pinned) if tensor.numel())
            moved = pinned.to("cuda", non_blocking=True)
            assert {tensor.device.type for tensor in tensors(moved)} == {"cuda"}
            assert same(moved.to("cpu"), batch) and moved.records() == batch.records()


@pytest.mark.parametrize("options", [ENCODED, BOXES], ids=["encoded", "boxes"])
def test_a_state_leads_to_the_rest_to_the_bit(pngs: Path, options: dict[str, Any]) -> None:
    make = encoded if options is ENCODED else boxes
    with make(pngs, **USUAL) as first, make(pngs, **USUAL) as second:
        epoch = iter(first)
        next(epoch)
        second.load_state_dict(first.state_dict())
        assert all(map(same, epoch, second))


def test_mixed_precision_training_learns(pngs: Path) -> None:
    torch.manual_seed(0)
    with encoded(pngs, **USUAL) as loader:
        losses = steps(TinyNet().cuda(), loader, epochs=4, device="cuda")
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])
