"""States that are damaged, or none at all: the loader says so, and is where it was or can load another."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dali_ssd.errors import CheckpointError, ConfigError
from tests.support.loaders import TWO, same, train
from tests.support.shards import write_random

JUNK: list[Any] = [None, True, -1, 1.5, 10**9, "", "x", "AAAA", b"", [], ["AAAA"], {}, {"taken": 0}, [None, None]]


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A loader of two pipelines that take turns, with several batches in a run, within its third epoch."""
    with train(write_random(tmp_path_factory.mktemp("shards"), 61)) as loader:
        batches = (batch for _ in range(3) for batch in loader)
        for _ in range(37):
            next(batches)
        assert loader._num_groups == 2 and loader._per_run > 1
        yield loader


@pytest.fixture(scope="module")
def state(loader: Any) -> Any:
    state = loader.state_dict()
    assert state["epoch"] == 2 and all(text for group in state["groups"] for text in group["pipelines"])
    return state


@pytest.mark.parametrize("state", [None, [], "state", 5, {}, {"identity": None}, {"identity": ["seed"]}], ids=str)
def test_what_is_no_state_is_refused(loader: Any, state: Any) -> None:
    before = loader.state_dict()
    with pytest.raises(CheckpointError, match=r"^the loader's state has no identity: "):
        loader.load_state_dict(state)
    assert loader.state_dict() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": -1}, "epoch must be a whole number of at least 0, not -1"),
        ({"epoch": 1.0}, "epoch must be a whole number of at least 0, not 1.0"),
        ({"batch": True, "turn": 2}, r"batch must be .*, not True; turn must be a whole number within 0\.\.1, not 2"),
        ({"batch": 10**9}, "batch is 1000000000, and epoch 2 has 15$"),
        ({"groups": []}, "groups must be a list of 2"),
        ({"groups": [None, None]}, r"taken of each of the groups must be a whole number within 0\.\.\d+"),
        ({"groups": [{"taken": 0, "pipelines": []}] * 2}, "pipelines of each of the groups must be a list of 1, texts"),
        ({"groups": [{"taken": 0, "pipelines": ["AAA"]}] * 2}, "pipelines of each .*, texts in base64"),
        ({"groups": [{"taken": 99, "pipelines": [None]}] * 2}, "taken of each of the groups"),
    ],
    ids=str,
)
def test_what_is_damaged_is_named(loader: Any, state: Any, changes: dict[str, Any], message: str) -> None:
    before = loader.state_dict()
    with pytest.raises(CheckpointError, match=f"^the loader's state is damaged: .*{message}"):
        loader.load_state_dict({**state, **changes})
    assert loader.state_dict() == before


@pytest.mark.parametrize("name", ["epoch", "batch", "turn", "groups"])
def test_what_is_missing_is_named(loader: Any, state: Any, name: str) -> None:
    before = loader.state_dict()
    with pytest.raises(CheckpointError, match=f"^the loader's state is damaged: {name} must be"):
        loader.load_state_dict({other: value for other, value in state.items() if other != name})
    assert loader.state_dict() == before


def test_damage_that_only_dali_finds_closes_the_loader_until_it_loads_another(loader: Any, state: Any) -> None:
    """A text that is cut off, is none of a checkpoint, or has other characters or numbers in it."""
    loader.load_state_dict(state)
    wanted = next(iter(loader))
    whole = base64.b64decode(state["groups"][1]["pipelines"][0])
    for raw in (
        whole[:-20],
        b"no checkpoint",
        whole.replace(b"Philox", b"Phelox"),
        whole.replace(b"Philox", b"Phil\xff\xff"),
        whole.replace(b"MakeContiguous", b"MakeContiguouS"),
    ):
        assert raw != whole
        damaged = copy.deepcopy(state)
        damaged["groups"][1]["pipelines"][0] = base64.b64encode(raw).decode()
        with pytest.raises(
            CheckpointError, match=r"^DALI cannot go on from .*; this loader is closed now, and can load another$"
        ):
            loader.load_state_dict(damaged)
        with pytest.raises(ConfigError, match="the loader is closed"):
            loader.state_dict()
        loader.load_state_dict(state)
        assert same(next(iter(loader)), wanted)


def test_states_are_taken_as_json_has_them_and_before_the_first_batch(loader: Any, state: Any, tmp_path: Any) -> None:
    loader.load_state_dict(json.loads(json.dumps(state)))
    assert loader.state_dict() == state
    with train(write_random(tmp_path, 10), ctx=TWO) as other:
        other.load_state_dict(json.loads(json.dumps(other.state_dict())))


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something is in a state, at any depth."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield (*place, key)
        yield from places(part, (*place, key))


@given(data=st.data())
@settings(max_examples=60)
def test_any_damage_is_refused_or_harmless(loader: Any, state: Any, data: st.DataObject) -> None:
    """Whatever takes the place of any part."""
    if loader._closed:
        loader.load_state_dict(state)
    damaged = copy.deepcopy(state)
    *way, key = data.draw(st.sampled_from([*places(state)]))
    holder = damaged
    for step in way:
        holder = holder[step]
    if isinstance(holder, dict) and data.draw(st.booleans()):
        del holder[key]
    else:
        holder[key] = data.draw(st.sampled_from(JUNK))
    before = loader.state_dict()
    try:
        loader.load_state_dict(damaged)
    except CheckpointError as error:
        if not str(error).startswith("DALI cannot go on"):
            assert loader.state_dict() == before
    else:
        assert next(iter(loader)) is not None
