"""A loader that resumes from another's state, and states that it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_ssd import TrainLoader
from dali_ssd.errors import CheckpointError
from dali_ssd.graph.where import Where
from dali_ssd.plugin import sources
from pipelines import ssd
from tests.support.loaders import FRAMEWORK, as_numpy, contexts
from tests.support.pipes import ANCHORS
from tests.support.shards import draw, encoded, random_record, write, write_random

COUNT = 10


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return write_random(tmp_path_factory.mktemp("shards"), COUNT, num_shards=2)


def train(shards: Any, **options: Any) -> TrainLoader:
    usual: dict[str, Any] = {"batch_size": 4, "data_shape": 64, "num_threads": 2, "framework": FRAMEWORK}
    return TrainLoader(shards, **{"anchors": ANCHORS, **usual, **options})


def batches(loader: TrainLoader, epochs: int) -> list[bytes]:
    return [
        b"".join(as_numpy(array).tobytes() for part in batch for array in part)
        for _ in range(epochs)
        for batch in loader
    ]


@pytest.mark.parametrize("ctx", [contexts(1), contexts(2)], ids=["one", "two"])
@pytest.mark.parametrize("taken", range(6))
def test_the_rest_is_the_same_to_the_bit(shards: Any, ctx: list[Any], taken: int) -> None:
    """Epochs of two, three and two batches, left after any number of them."""
    whole = batches(train(shards, ctx=ctx), 3)
    first = train(shards, ctx=ctx)
    epoch = iter(first)
    for _ in range(taken):
        if next(epoch, None) is None:
            epoch = iter(first)
            next(epoch)
    state = first.state_dict()
    second = train(shards, ctx=ctx)
    second.load_state_dict(state)
    assert batches(second, 3 - state["epoch"]) == whole[taken:]


def test_progressive_images_go_on_to_the_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    options: dict[str, Any] = {"kind": "JPEG", "progressive": True}
    shards = write(tmp_path, [(random_record(rng)[0], encoded(draw(rng, 50, 70), **options)) for _ in range(8)])
    whole = batches(train(shards), 2)
    first = train(shards)
    next(iter(first))
    second = train(shards)
    second.load_state_dict(first.state_dict())
    assert second._pipelines and second._slice(0, 1).progressive
    assert batches(second, 2) == whole[1:]


@pytest.mark.parametrize("taken", [0, 1, 2, 5, 6, 7, 14])
@pytest.mark.parametrize("threads", [(2, 8), (8, 2)], ids=str)
def test_pipelines_in_turns_go_on_with_any_number_of_threads(
    tmp_path: Path, taken: int, threads: tuple[int, int]
) -> None:
    """Of 13 batches an epoch, in runs of three."""
    paths = write_random(tmp_path, 208)
    whole = batches(train(paths, batch_size=16), 2)
    first, second = (train(paths, batch_size=16, num_threads=number) for number in threads)
    stream = (batch for epoch in (first, first) for batch in epoch)
    for _ in range(taken):
        next(stream)
    state = first.state_dict()
    second.load_state_dict(state)
    assert second.state_dict() == state
    assert batches(second, 2 - state["epoch"]) == whole[taken:]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 5}, "batch_size was 4 and is 5"),
        ({"seed": 1}, "seed was 233 and is 1"),
        ({"ctx": contexts(2)}, "the number of devices was 1 x 1 and is 1 x 2"),
        ({"data_shape": 96}, "the options was"),
        ({"anchors": ANCHORS + np.float32(1)}, "the options was"),
    ],
    ids=str,
)
def test_other_options_are_refused(shards: Any, options: dict[str, Any], message: str) -> None:
    state = train(shards).state_dict()
    with pytest.raises(CheckpointError, match=message):
        train(shards, **options).load_state_dict(state)


def test_other_shards_are_refused(shards: Any, tmp_path: Path) -> None:
    state = train(shards).state_dict()
    for others in (shards[:1], write_random(tmp_path, COUNT, seed=1, num_shards=2)):
        with pytest.raises(CheckpointError, match="the shards was"):
            train(others).load_state_dict(state)


def test_other_labels_are_refused(tmp_path: Path) -> None:
    """Records of the same names, keys, sizes and places, with another class."""
    rng = np.random.default_rng(0)
    records = [random_record(rng) for _ in range(COUNT)]
    state = train(write(tmp_path, records)).state_dict()
    changed = [(np.where(np.arange(len(label)) == 2, 1, label), image) for label, image in records]
    others = write(tmp_path / "other", changed)
    with pytest.raises(CheckpointError, match="the labels was"):
        train(others).load_state_dict(state)


def test_other_code_of_the_pipeline_is_refused(shards: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tmp_path / "own_recipe.py"
    recipe.write_text(
        Path(ssd.__file__).read_text()
        + "\naugment, image, targets = AugmentConfig(), RenderConfig(data_shape=64), TargetConfig()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    loader = train(shards, recipe="own_recipe")
    state = loader.state_dict()
    loader.load_state_dict(state)
    recipe.write_text(recipe.read_text().replace("shuffle=False", "shuffle=True"))
    with pytest.raises(CheckpointError, match="the pipeline's code was"):
        loader.load_state_dict(state)


def test_other_sources_of_the_plugin_are_refused_where_it_is_used(
    shards: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "render.cu").write_text("int one;")
    own = sources.Sources(tmp_path, ())
    monkeypatch.setattr(sources, "own_sources", lambda: own)
    without, loader = train(shards), train(shards)
    monkeypatch.setattr(loader, "_where", Where("cpu", plugin=True))  # only the state is taken with it
    states = without.state_dict(), loader.state_dict()
    (tmp_path / "render.cu").write_text("int two;")
    without.load_state_dict(states[0])
    with pytest.raises(CheckpointError, match=r"the pipeline's code was [^;]*$"):
        loader.load_state_dict(states[1])
