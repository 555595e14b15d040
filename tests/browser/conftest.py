from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.browser import Browser, started_browser


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One for all tests."""
    with started_browser(tmp_path_factory.mktemp("browser")) as running:
        yield running
