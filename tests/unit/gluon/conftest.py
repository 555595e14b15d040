"""A small network and made-up batches, so that the loop can be tested without a loader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from dali_ssd.errors import RecordLocation

CLASSES = ("circle", "star")
SIDE = 128


@dataclass
class FakeBatch:
    data: list[Any]
    cls_targets: list[Any]
    box_targets: list[Any]
    places: list[RecordLocation] = field(default_factory=list)

    def records(self) -> list[RecordLocation]:
        return self.places


class FakeLoader:
    """The same batches in every epoch, and a state that goes on inside one."""

    def __init__(self, batches: list[FakeBatch]) -> None:
        self.batches = batches
        self.next = 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[FakeBatch]:
        while self.next < len(self.batches):
            self.next += 1
            yield self.batches[self.next - 1]
        self.next = 0

    def state_dict(self) -> dict[str, Any]:
        return {"next": self.next, "opaque": b"\x00\xff"}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        assert state["opaque"] == b"\x00\xff"
        self.next = state["next"]


@pytest.fixture(scope="session")
def make_net() -> Callable[..., Any]:
    mx, zoo = pytest.importorskip("mxnet"), import_module("dali_ssd.gluon.networks.zoo")

    def make(devices: int = 1, seed: int = 0) -> Any:
        mx.random.seed(seed)
        np.random.seed(seed)
        net = zoo.build_network("mobilenet0.25", SIDE, CLASSES)
        zoo.initialize(net, [mx.cpu(number) for number in range(devices)], SIDE)
        return net

    return make


@pytest.fixture(scope="session")
def anchor_count() -> int:
    mx, zoo = pytest.importorskip("mxnet"), import_module("dali_ssd.gluon.networks.zoo")
    net = zoo.build_network("mobilenet0.25", SIDE, CLASSES)
    zoo.initialize(net, [mx.cpu()], SIDE)
    return int(zoo.anchors_of(net, SIDE).shape[1])


@pytest.fixture(scope="session")
def make_batch(anchor_count: int) -> Callable[..., FakeBatch]:
    mx = pytest.importorskip("mxnet")

    def make(number: int = 0, *, positives: int = 5, devices: int = 1, images: int = 2) -> FakeBatch:
        rng = np.random.default_rng(number)
        parts: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
        for device in range(devices):
            classes = np.zeros((images, anchor_count), np.float32)
            classes[:, rng.choice(anchor_count, positives, replace=False)] = 1 + number % len(CLASSES)
            boxes = rng.normal(size=(images, anchor_count, 4)) * (classes > 0)[..., None]
            pixels = rng.normal(size=(images, 3, SIDE, SIDE))
            for part, array in zip(parts, (pixels, classes, boxes), strict=True):
                part.append(mx.nd.array(array, ctx=mx.cpu(device)))
        return FakeBatch(*parts, [RecordLocation(key=number * 10 + i) for i in range(images)])

    return make


@pytest.fixture(scope="session")
def make_loader(make_batch: Callable[..., FakeBatch]) -> Callable[..., FakeLoader]:
    def make(batches: int = 3, **options: Any) -> FakeLoader:
        return FakeLoader([make_batch(number, **options) for number in range(batches)])

    return make


@pytest.fixture(scope="session")
def weights_of() -> Callable[[Any], dict[str, Any]]:
    mx = pytest.importorskip("mxnet")

    def weights(net: Any) -> dict[str, Any]:
        mx.nd.waitall()  # see dali_ssd.gluon.checkpoint.state
        return {name: array.data().asnumpy() for name, array in net._collect_params_with_prefix().items()}

    return weights


@pytest.fixture
def poisoned() -> Callable[[FakeBatch], FakeBatch]:
    def poison(batch: FakeBatch) -> FakeBatch:
        return replace(batch, box_targets=[array * float("nan") for array in batch.box_targets])

    return poison
