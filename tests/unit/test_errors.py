"""The exception tree, and what the messages say."""

from __future__ import annotations

from pathlib import Path

import pytest

from dali_ssd import errors
from dali_ssd.errors import (
    ConfigError,
    DaliSsdError,
    LaunchError,
    MissingDependencyError,
    NothingLeftError,
    PeerError,
    RecordError,
    RecordLocation,
    TrainingError,
)


def subclasses(kind: type[DaliSsdError]) -> set[type[DaliSsdError]]:
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__() if child.__module__ == errors.__name__))


def documented_parents() -> dict[str, str | None]:
    """Each class of the tree drawn in the module's docstring, and the class that it hangs below."""
    parents: dict[str, str | None] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        column = len(line) - len(line.lstrip(" |-`"))
        name = line.strip(" |-`").split(" ")[0]
        if not name.endswith("Error") or "  " not in line.strip():
            continue
        path = [(c, n) for c, n in path if c < column]
        parents[name] = path[-1][1] if path else None
        path.append((column, name))
    return parents


def test_docstring_draws_the_tree_as_it_is() -> None:
    actual = {kind.__name__: kind.__mro__[1].__name__ for kind in subclasses(DaliSsdError)}
    assert documented_parents() == {**actual, "DaliSsdError": None}


def test_every_exception_is_exported() -> None:
    assert {kind.__name__ for kind in subclasses(DaliSsdError)} | {"RecordLocation"} == set(errors.__all__)


def test_errors_are_also_what_python_code_expects() -> None:
    assert issubclass(ConfigError, ValueError)
    assert issubclass(MissingDependencyError, ImportError)


def test_exit_codes() -> None:
    codes = {kind.__name__: kind.exit_code for kind in subclasses(DaliSsdError)}
    others = {NothingLeftError.__name__: 1, LaunchError.__name__: 3, TrainingError.__name__: 3, PeerError.__name__: 4}
    assert codes == {**dict.fromkeys(codes, 2), **others}


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (RecordLocation(), ""),
        (RecordLocation(shard=Path("a.rec")), "a.rec"),
        (RecordLocation(key=0, offset=0, object=0), "record 0, byte 0, object 0"),
        (RecordLocation(Path("d/a.rec"), 7, 1024, 2), "d/a.rec, record 7, byte 1024, object 2"),
    ],
)
def test_place_names_what_is_known(place: RecordLocation, text: str) -> None:
    assert str(place) == text
    assert str(RecordError("bad magic", place)) == (f"{text}: bad magic" if text else "bad magic")


def test_record_error_keeps_problem_and_place_apart() -> None:
    error = RecordError("bad magic", RecordLocation(key=3))
    assert (error.problem, error.place) == ("bad magic", RecordLocation(key=3))
    assert RecordError("bad magic").place == RecordLocation()
