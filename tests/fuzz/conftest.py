"""The child process that all fuzz tests share, and the summary of their results."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz.server import Server

_KEY = pytest.StashKey[Server]()


@pytest.fixture(scope="session")
def server(pytestconfig: pytest.Config) -> Iterator[Server]:
    server = pytestconfig.stash[_KEY] = Server()
    yield server
    server.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    server = config.stash.get(_KEY, None)
    if server is None:
        return
    counts = ", ".join(f"{outcome} {count}" for outcome, count in sorted(server.outcomes.items()))
    terminalreporter.write_line(
        f"fuzz: {server.outcomes.total()} questions in {server.seconds:.0f} s, the slowest {server.slowest:.1f} s, "
        f"peak memory {server.peak} MB: {counts}"
    )
