"""Every kind of page is readable: wide and narrow, light and dark, without a network, and without a mouse."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from tests.browser.makers import KINDS
from tests.support.browser import Browser, served

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_sound(browser: Browser, tmp_path: Path, kind: str) -> None:
    pages, limits = KINDS[kind].make(tmp_path), KINDS[kind].limits
    assert pages
    with served(tmp_path) if KINDS[kind].served else nullcontext() as address:
        shown = {page.name: address + page.relative_to(tmp_path).as_posix() if address else page for page in pages}
        found = {name: browser.faults(page, limits) for name, page in shown.items()}
    assert not any(found.values()), "\n".join(f"{name}: {fault}" for name, faults in found.items() for fault in faults)
