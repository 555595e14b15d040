"""Fixtures and settings that all tests share."""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import dali_ssd  # noqa: F401 - before any test imports MXNet
from tests.support.gpu import cuda_device_present
from tests.support.plugin import need_compiler

_ROOT = Path(__file__).resolve().parent.parent
LONG, LONG_S = ("browser", "docs", "engines", "gpu", "plugin", "slow"), 900
"""Marks of tests that have more seconds than pyproject.toml gives others, and how many; a `timeout` mark goes first."""
NEVER_SKIPPED = ("browser", "engines")
"""Marks of tests that fail in CI where they would be skipped."""

# Shared machines are slow now and then: a single slow example is no failure, and CI repeats the same examples.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

_end_later, _end_never = faulthandler.dump_traceback_later, faulthandler.cancel_dump_traceback_later
"""As they are now: tests put others in their place."""
_STDERR, _LIMIT = pytest.StashKey[int](), pytest.StashKey[float]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep stderr as it is before pytest captures it."""
    assert sys.__stderr__ is not None
    config.stash[_STDERR] = os.dup(sys.__stderr__.fileno())


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close what `pytest_configure` has opened."""
    os.close(config.stash[_STDERR])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests under tests/gpu as `gpu`, skip tests that need what is not there, and give marked tests more time."""
    for item in items:
        if not item.get_closest_marker("timeout") and any(map(item.get_closest_marker, LONG)):
            item.add_marker(pytest.mark.timeout(max(LONG_S, item.config.getoption("timeout") or 0)))
        if (_ROOT / "tests" / "gpu") in item.path.parents:
            item.add_marker(pytest.mark.gpu)
        if item.get_closest_marker("gpu") and not cuda_device_present():
            item.add_marker(pytest.mark.skip(reason="needs an NVIDIA GPU"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """See that tests of the plugin have their compilers, before a fixture wants them."""
    if mark := item.get_closest_marker("plugin"):
        need_compiler(**mark.kwargs)


def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> bool:
    """Have the process print the stacks of its threads and end, if the test takes longer than its limit.

    In place of pytest-timeout's own ways: a signal does not end what hangs in a library, and its thread waits for the
    GIL, and prints to where a process of pytest-xdist has nothing.
    """
    item.stash[_LIMIT] = settings.timeout
    _end_after(item)
    return True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Limit also what a failed test takes to end: with the failure its timer was canceled."""
    if _LIMIT in item.stash and not item.config.option.usepdb:
        _end_after(item)
    try:
        return (yield)
    finally:
        _end_never()


def pytest_timeout_cancel_timer(item: pytest.Item) -> bool:
    """Let the process live: the test is over."""
    _end_never()
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI, let a test of an engine or in a browser fail where it would be skipped.

    But for those of engines that need root, where it is another user.
    """
    report = yield
    mark = next(filter(None, map(item.get_closest_marker, NEVER_SKIPPED)), None)
    if report.skipped and mark and os.environ.get("CI") and (os.geteuid() == 0 or not mark.kwargs.get("root")):
        assert call.excinfo is not None
        report.outcome = "failed"
        report.longrepr = f"skipped, which no test marked {mark.name} may be in CI: {call.excinfo.value}"
    return report


@pytest.fixture(scope="session", autouse=True)
def _private_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Use a cache folder apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DALI_SSD_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with `bccd` and `photos`: $DALI_SSD_DATA, or shared/data beside the checkout."""
    folder = Path(os.environ.get("DALI_SSD_DATA") or _ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}; set DALI_SSD_DATA to a folder that holds bccd and photos")
    return folder


def _end_after(item: pytest.Item) -> None:
    _end_later(item.stash[_LIMIT], file=item.config.stash[_STDERR], exit=True)
