"""What the browser finds on pages with one fault each, and that it finds none on a sound one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.browser import Browser

pytestmark = pytest.mark.browser

PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
SVG = '<svg viewBox="0 0 100 100" width="100" height="100" aria-hidden="true">{}</svg>'
HEAD = '<meta charset="utf-8"><title>Sound</title><link rel="icon" href="data:,">'
STYLE = "<style>:root { color-scheme: light dark; } body { margin: 20px; font: 16px sans-serif; }</style>"
SOUND = f"""<!doctype html><html lang="en"><head>{HEAD}{STYLE}</head><body>
<h1 id="top">Sound</h1><p>A text, <a href="#top">and a link</a>.</p><h2>More</h2>
<img src="{PIXEL}" alt="A pixel" width="20" height="20">{SVG.format('<rect width="50" height="50" fill="#3987d9"/>')}
<details><summary>Fold</summary><p>Inside</p></details>BODY</body></html>"""


def faults(browser: Browser, folder: Path, html: str) -> list[str]:
    page = folder / "page.html"
    page.write_text(html, encoding="utf-8")
    return browser.faults(page)


def test_a_sound_page_has_no_fault(browser: Browser, tmp_path: Path) -> None:
    assert faults(browser, tmp_path, SOUND.replace("BODY", "")) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<script>console.error('ouch')</script>", "console: .*ouch"),
        ("<script src='none.js'></script>", "network: .*none.js failed"),
        ("<img alt='far' src='http://page.invalid/a.png'>", "network: http://page.invalid/a.png is asked for"),
        ("<img alt='cut' src='data:image/png;base64,AAAA'>", "picture: data:image/png;base64,AAAA is not there"),
        (f"<img src='{PIXEL}'>", "picture: .* has no alt"),
        (f"<img src='{PIXEL}' alt=''>", "picture: .* has an empty alt"),
        (f"<div class='gallery'><img src='{PIXEL}' alt='x'></div>", "1400 px, light: gallery: a picture of 1 x 1"),
        (f"<div class='gallery'><img src='{PIXEL}' alt='x' width='300'></div>", "gallery: a picture is enlarged"),
        ("<svg aria-hidden='true' width='0' height='0'></svg>", "drawing: it is 0 x 0"),
        (SVG.format("").replace("aria-hidden", "data-x"), "drawing: it has no name"),
        (SVG.format('<rect width="9" height="9" fill="#808080" opacity="0.2"/>'), "contrast: a shape has 1"),
        (SVG.format('<text y="50" font-size="8" fill="currentColor">small</text>'), "size: letters of 8.0"),
        (SVG.format('<text y="50" font-size="20" fill="#909090">pale</text>'), "light: contrast: a text has 3"),
        (SVG.format('<text y="50" x="80" font-size="20" fill="currentColor">beyond</text>'), "cut: a text reaches"),
        (SVG.format('<text y="50" fill="#777">aaa</text><text y="52" fill="#777">bbb</text>'), "overlap: texts of a"),
        ("<div style='width: 900px; height: 9px'></div>", "400 px, light: width: the page is 920 pixels wide"),
        ("<p style='font-size: 11px'>tiny</p>", 'size: "tiny" has letters of 11.0 pixels'),
        ("<p style='color: #999'>pale</p>", '1400 px, light: contrast: "pale" has 2.85'),
        ("<p style='color: #444'>dark</p>", '1400 px, dark: contrast: "dark" has 1'),
        ("<p style='opacity: 0.4'>faint</p>", 'contrast: "faint" has'),
        (
            "<p style='background: color-mix(in srgb, black 50%, white); color: gray'>mixed</p>",
            'contrast: "mixed" has 1',
        ),
        ("<details><summary>x</summary><p style='color: #999'>within</p></details>", 'contrast: "within" has'),
        ("<p style='width: 50px; overflow: hidden; white-space: nowrap'>cut to pieces</p>", 'cut: "cut to pieces"'),
        ("<p style='margin-bottom: -18px'>first</p><p style='margin-top: 0'>second</p>", "overlap: .*first.*second"),
        ("<div style='overflow-x: auto; width: 90px'><p style='width: 200px'>far</p></div>", "keyboard: it scrolls"),
        (
            "<div style='overflow-x: auto' tabindex='0'><table><caption>far</caption>"
            "<td><div style='width: 900px'>wide</div></td></table></div>",
            "400 px, light: caption: it is cut",
        ),
        ("<a href='#none'>nowhere</a>", "link: #none leads nowhere"),
        ("<a href='#top'></a><a href='#top' style='display: inline-block; width: 9px'></a>", "link: it has no name"),
        ("<h4>too deep</h4>", "headings: h4 comes after h2"),
        ("<h1>again</h1>", "headings: there is not one h1"),
        ("<style>:root { background: #fff }</style>", "1400 px, dark: scheme: the page does not look dark"),
        ("<script>document.title = ''</script>", "title: the page has none"),
        ("<script>document.documentElement.lang = ''</script>", "lang: the page has none"),
    ],
)
def test_each_fault_is_found(browser: Browser, tmp_path: Path, body: str, fault: str) -> None:
    found = faults(browser, tmp_path, SOUND.replace("BODY", body))
    assert any(re.search(fault, one) for one in found), found


def test_what_scrolls_and_can_be_focused_is_sound(browser: Browser, tmp_path: Path) -> None:
    body = "<div style='overflow-x: auto' tabindex='0'><p style='width: 2000px'>far away</p></div>"
    assert faults(browser, tmp_path, SOUND.replace("BODY", body)) == []
