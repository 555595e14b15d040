"""Chromium, which shows a page and tells what is wrong with it. It gets no page from the network."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import ROOT

__all__ = ["SCHEMES", "WIDTHS", "Browser", "Limits", "served", "started_browser"]

WIDTHS = (400, 1400)
"""Of the window in CSS pixels: a telephone and a screen."""
SCHEMES = ("light", "dark")
_HEIGHT = 900
_AUDIT = (ROOT / "tests" / "browser" / "audit.js").read_text(encoding="utf-8")
_SETTLE = """
const done = arguments[0], ends = (one) => one.effect.getComputedTiming().endTime < Infinity;
requestAnimationFrame(() => requestAnimationFrame(() => {
  Promise.allSettled(document.getAnimations().filter(ends).map((one) => one.finished)).then(() => done());
}));
"""
"""Waits until nothing moves or fades."""
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
)
_LOGS = {"browser": "ALL", "performance": "ALL"}
_LOCAL = re.compile(r"(file|data|blob|about):|http://127\.0\.0\.1:\d+/")
"""What is asked of this machine."""


@dataclass(frozen=True)
class Limits:
    """What a page must keep. Contrasts are WCAG 2.1's."""

    text: float = 12
    """CSS pixels of the smallest letters."""
    letters: float = 10
    """Likewise in drawings, which shrink with a narrow window."""
    gallery: float = 240
    """Pixels of the longer side of a picture in a gallery, in a wide window."""
    contrast: float = 4.5
    """Of a text and what is behind it."""
    shapes: float = 3
    """Of the shapes of a drawing and what is behind them, but for thin lines in the page's color for these."""
    alt: bool = True
    """Whether the text for a picture must say something."""
    keyboard: bool = True
    """Whether what scrolls sideways must be reached without a mouse."""
    follows: bool = True
    """Whether the page must look light where light pages are preferred, and dark where dark ones are."""


class Browser:
    """A running Chromium."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def faults(self, page: Path | str, limits: Limits | None = None) -> list[str]:
        """Show a file, or what is at an address, in all `WIDTHS` and `SCHEMES`, and return all that is wrong."""
        self._open(page)
        found = self._noticed()
        for width in WIDTHS:
            for scheme in SCHEMES:
                self._set(width, scheme)
                some: list[str] = self._driver.execute_script(_AUDIT, asdict(limits or Limits()))
                found += [f"{width} px, {scheme}: {fault}" for fault in some]
        return [*found, *self._noticed()]

    def picture(self, page: Path | str, to: Path, width: int, scheme: str = "light") -> None:
        """Save a page as it looks, the whole of it, as PNG."""
        self._open(page)
        self._set(width, scheme)
        height = self._driver.execute_script("return document.documentElement.scrollHeight")
        self._set(width, scheme, height)
        self._driver.save_screenshot(str(to))

    def _open(self, page: Path | str) -> None:
        self._set(*WIDTHS[-1:], SCHEMES[0])
        self._noticed()  # of pages before
        self._driver.get(page.resolve().as_uri() if isinstance(page, Path) else page)

    def _set(self, width: int, scheme: str, height: int = _HEIGHT) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media: dict[str, Any] = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        self._driver.execute_async_script(_SETTLE)

    def _noticed(self) -> list[str]:
        """Return what the console says, which requests have failed, and which have left this machine."""
        found = [f"console: {entry['message']}" for entry in self._driver.get_log("browser")]
        urls: dict[str, str] = {}
        for entry in self._driver.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            told = event["params"]
            if event["method"] == "Network.requestWillBeSent":
                url = urls[told["requestId"]] = told["request"]["url"]
                if not _LOCAL.match(url):
                    found.append(f"network: {url} is asked for")
            elif event["method"] == "Network.loadingFailed":
                found.append(f"network: {urls.get(told['requestId'], 'a request')} failed, {told['errorText']}")
        return found


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the files of a folder on this machine; yields the address, with a slash at its end."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def started_browser(folder: Path) -> Iterator[Browser]:
    """Start Chromium with its files in a folder; skip the test if it, its driver or Selenium is missing."""
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("needs Chromium: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*_FLAGS, f"--user-data-dir={folder}", "--lang=en"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", _LOGS)
    # With the driver's path, Selenium does not look for one to download.
    running = webdriver.Chrome(options, webdriver.ChromeService(driver))
    try:
        yield Browser(running)
    finally:
        running.quit()
