"""Every kind of page is readable: wide and narrow, light and dark, without a network, and without a mouse."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from tests.browser.makers import KINDS
from tests.support.browser import Browser

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_sound(browser: Browser, tmp_path: Path, kind: str) -> None:
    pages = KINDS[kind].make(tmp_path)
    assert pages
    found = {page.name: browser.faults(page, KINDS[kind].limits) for page in pages}
    assert not any(found.values()), "\n".join(f"{name}: {fault}" for name, faults in found.items() for fault in faults)
