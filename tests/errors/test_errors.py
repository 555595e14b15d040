"""docs/errors.md has every message, and each of its messages is raised here."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from dali_ssd.errors import DaliSsdError, MissingDependencyError
from dali_ssd.records.lint.findings import KINDS
from tests.errors import (
    cases_convert,
    cases_frameworks,
    cases_launch,
    cases_loader,
    cases_plugin,
    cases_records,
    cases_reshard,
    cases_tools,
)
from tests.errors.cases import Case
from tests.errors.table import NOT_SEEN, messages, pattern, rows, sites, template

MISSING = [name for name in ("mxnet", "gluoncv", "matplotlib") if find_spec(name) is None]
"""Packages that are not installed, without which some cases cannot raise their message."""
AREAS = [
    cases_records,
    cases_convert,
    cases_reshard,
    cases_launch,
    cases_loader,
    cases_frameworks,
    cases_plugin,
    cases_tools,
]
if not MISSING:
    AREAS += [import_module(f"tests.errors.cases_{area}") for area in ("train", "detect")]

CASES: dict[str, Case] = {}
for area in AREAS:
    assert not CASES.keys() & area.CASES.keys()
    CASES |= area.CASES
MESSAGES = messages()
PRINTED = ("no command ", "the command comes before its options")
"""Beginnings of messages that the command line prints without an error."""


def meant(case: str) -> str:
    """The message of the document that a case is about: the same, or the only one that holds its text."""
    found = [case] if case in MESSAGES else [message for message in MESSAGES if case in message]
    assert len(found) == 1, f"{case!r} is in {len(found)} messages"
    return found[0]


def test_every_place_that_raises_is_in_the_document() -> None:
    known = {template(message) for message in MESSAGES} | NOT_SEEN
    missing = {place: text for place, text in sites() if text not in known}
    assert not missing, f"give these a row in docs/errors.md: {missing}"


def test_the_document_has_only_what_can_be_raised() -> None:
    raised = {text for _, text in sites()}
    stale = [message for message in MESSAGES if template(message) not in raised and not message.startswith(PRINTED)]
    assert not stale


def test_every_row_is_whole_and_there_once() -> None:
    assert len(set(MESSAGES)) == len(MESSAGES)
    assert all(len(row) == 3 and all(row) for row in rows())


@pytest.mark.skipif(bool(MISSING), reason=f"the cases of training need {', '.join(MISSING)}")
def test_every_message_has_a_case() -> None:
    assert {meant(case) for case in CASES} == set(MESSAGES)


@pytest.mark.parametrize("case", CASES)
def test_message_is_raised(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DALI_SSD_CACHE", str(tmp_path / "cache"))
    try:
        said = CASES[case](tmp_path, monkeypatch)
    except DaliSsdError as error:
        said = str(error)
        meant_so = pattern(meant(case)).search(said)
        if not meant_so and isinstance(error, MissingDependencyError) and (error.name or "").split(".")[0] in MISSING:
            pytest.skip(said)
    assert pattern(meant(case)).search(str(said)), said


def test_findings_are_those_of_check() -> None:
    kinds = [[f"`{name}`", kind.severity, kind.title, kind.advice] for name, kind in KINDS.items()]
    assert rows("What `dali-ssd check` finds") == kinds
