"""The networks of the example: those of torchvision."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch")
for name in ("matplotlib", "pycocotools", "torchvision"):
    pytest.importorskip(name)

from examples.torchvision_ssd import Network, Options, torchvision_network, train  # noqa: E402
from tests.end_to_end.torchvision_ssd.runs import learned, measured  # noqa: E402


@pytest.fixture(scope="module")
def ssdlite() -> Network:
    torch.manual_seed(0)
    return torchvision_network(Options(train=("none",)), 3)


@pytest.mark.parametrize("name", ["ssd300_vgg16", "ssdlite320_mobilenet_v3_large"])
def test_pretrained_weights_are_those_that_the_input_is_for(name: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import models

    asked: list[Any] = []

    def state(weights: Any, *_: Any, **__: Any) -> dict[str, Any]:
        """Instead of a download."""
        asked.append(weights)
        builder = {"VGG16_Weights": models.vgg16, "MobileNet_V3_Large_Weights": models.mobilenet_v3_large}
        state_dict: dict[str, Any] = builder[type(weights).__name__]().state_dict()
        return state_dict

    monkeypatch.setattr(models.WeightsEnum, "get_state_dict", state)
    network = torchvision_network(Options(train=("none",), network=name, pretrained_backbone=True), 3)
    if name == "ssd300_vgg16":
        assert asked == [models.VGG16_Weights.IMAGENET1K_FEATURES]
        made_for = asked[0].transforms()
        assert (network.mean, network.std) == (tuple(made_for.mean), tuple(made_for.std))
    else:
        assert asked == [models.MobileNet_V3_Large_Weights.IMAGENET1K_V1]


def drawn_batch(size: int) -> tuple[Any, list[dict[str, Any]]]:
    """Two images, one without objects."""
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    boxes = torch.tensor([[10.0, 20, 200, 180], [50, 50, 90, 100]])
    nothing = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    return images, [{"boxes": boxes, "labels": torch.tensor([1, 3])}, nothing]


def test_torchvision_computes_the_same_when_it_resizes_and_normalizes(ssdlite: Network) -> None:
    from torchvision.models.detection import ssdlite320_mobilenet_v3_large

    assert ssdlite[1:] == (320, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    options = {"image_mean": (0, 0, 0), "image_std": (1, 1, 1), "weights": None, "weights_backbone": None}
    theirs = ssdlite320_mobilenet_v3_large(num_classes=4, **options)
    theirs.load_state_dict(ssdlite.model.state_dict())
    images, targets = drawn_batch(320)
    losses, their_losses = ssdlite.model.train()(images, targets), theirs.train()(list(images), targets)
    assert all(torch.equal(losses[name], their_losses[name]) for name in ("classification", "bbox_regression"))
    assert losses["positives"] > 0
    theirs.load_state_dict(ssdlite.model.state_dict())
    with torch.inference_mode():
        found, their_found = ssdlite.model.eval()(images), theirs.eval()(list(images))
    for one, other in zip(found, their_found, strict=True):
        assert len(one["boxes"]) and all(torch.equal(one[name], other[name]) for name in other)


def test_anchors_are_exact_under_autocast(ssdlite: Network) -> None:
    model: Any = ssdlite.model.train()
    anchors: list[Any] = []
    hook = model.anchor_generator.register_forward_hook(lambda _, given, made: anchors.append(made[0]))
    images, targets = drawn_batch(320)
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            model(images, targets)
    hook.remove()
    exact, mixed = anchors
    assert torch.equal(mixed, exact)


@pytest.mark.slow
def test_ssdlite_resumed_is_the_unbroken_run(small: Callable[..., Options], monkeypatch: pytest.MonkeyPatch) -> None:

    def interrupted(options: Options, classes: int) -> Network:
        network = torchvision_network(options, classes)
        calls = itertools.count(1)
        network.model.register_forward_pre_hook(lambda *_: os.kill(os.getpid(), 15) if next(calls) == 3 else None)
        return network

    whole, cut = (small(folder, epochs=1, batch_size=4) for folder in ("whole", "cut"))
    assert (train(whole), train(cut, interrupted)) == (0, 143)
    assert train(small("cut", epochs=1, batch_size=4, resume="auto")) == 0
    assert measured(cut) == measured(whole) and learned(cut) == learned(whole)
