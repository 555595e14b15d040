from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dali_ssd.errors import DaliSsdError
from dali_ssd.pages.elements import Element, Facts, Fold, Matrix, Note, Share, Stats, Table, Text
from dali_ssd.pages.page import Page, Section, page_html, write_page

pytest.importorskip("jinja2")

HOSTILE = "<script>alert(1)</script> & \"'"


class Found(HTMLParser):
    """The tags of a page, its texts, and where its links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        names = dict(attrs)
        self.ids += [value for value in [names.get("id")] if value]
        self.links += [value for value in [names.get("href")] if value]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def page_of(*elements: Element) -> Found:
    return Found(page_html(Page("Title", [Section("Part", elements)])))


@pytest.mark.parametrize(
    "element",
    [
        Text(HOSTILE),
        Facts([(HOSTILE, HOSTILE)]),
        Stats([(HOSTILE, HOSTILE, HOSTILE)]),
        Table([HOSTILE], [[HOSTILE]], HOSTILE),
        Matrix(HOSTILE, [HOSTILE], [HOSTILE], [[1]], [[1.0]], HOSTILE),
        Note("advice", HOSTILE, HOSTILE, HOSTILE),
        Fold(HOSTILE, [Text(HOSTILE)]),
    ],
    ids=lambda element: element.kind,
)
def test_texts_are_texts_whatever_is_in_them(element: Element) -> None:
    found = page_of(element)
    assert "script" not in found.tags
    assert " ".join(HOSTILE.split()) in found.text


def test_a_matrix_has_counts_and_shares() -> None:
    found = page_of(Matrix("true / found", ["a", "b"], ["a"], [[1500, 0]], [[1.0, 0.0]]))
    assert "true / found a b a 1,500 100 % 0" in found.text


def test_a_long_name_as_title_breaks_after_underscores() -> None:
    html = page_html(Page("ssd_a <b>_c", []))
    assert "<h1>ssd_<wbr>a &lt;b&gt;_<wbr>c</h1>" in html and "<title>ssd_a &lt;b&gt;_c</title>" in html


def test_times_stay_in_one_line() -> None:
    html = page_html(Page("Title", [Section("Part", [Table(["time"], [[datetime(2026, 1, 2)]])])]))
    assert '<td class="whole">2026-01-02 00:00:00</td>' in html and ".whole { white-space: nowrap; }" in html


def test_titles_and_leads_are_texts_as_well() -> None:
    page = Page(HOSTILE, [Section(HOSTILE, [], HOSTILE)], HOSTILE, [], HOSTILE)
    found = Found(page_html(page))
    assert "script" not in found.tags
    assert found.text.count("alert(1)") == 6


def test_backquotes_mark_code_and_empty_lines_paragraphs() -> None:
    html = page_html(Page("Title", [Section("Part", [Text("run `a <b>` now\n\nor later")])]))
    assert "<code>a &lt;b&gt;</code> now</p>\n<p>or later</p>" in html


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567, "1,234,567"),
        (0.12345, "0.123"),
        (0.8, "0.800"),
        (99.96, "100"),
        (999.6, "1,000"),
        (12345.6, "12,346"),
        (math.nan, "-"),
        (Decimal("0.69961"), "0.69961"),
        (Decimal("1e-7"), "0.0000001"),
        ("1e9", "1e9"),
        (True, "True"),
        (datetime(2026, 1, 2, 3, 4, 5), "2026-01-02 03:04:05"),
    ],
)
def test_cells_are_written_for_reading(value: float | Decimal | str | datetime, text: str) -> None:
    assert text in page_of(Table(["head"], [[value]])).texts


@pytest.mark.parametrize(("value", "text"), [(0.5, "50.0 %"), (1.5, "150.0 %"), (0.0, "0.0 %"), (math.nan, "-")])
def test_shares_are_bars_that_stay_in_their_cell(value: float, text: str) -> None:
    html = page_html(Page("Title", [Section("Part", [Table(["share"], [[Share(value)]])])]))
    assert text in Found(html).texts
    assert "width: 150" not in html and "width: nan" not in html


def test_a_table_may_have_no_rows() -> None:
    assert "head" in page_of(Table(["head"], [])).texts


def test_links_to_sections_have_their_targets() -> None:
    found = Found(page_html(Page("Title", [Section("What is there?", []), Section("Größe & Rest", [])])))
    links = [link[1:] for link in found.links if link.startswith("#")]
    assert len(links) == 2 and set(links) <= set(found.ids)


def test_a_page_reloads_only_when_it_is_asked_to() -> None:
    assert 'http-equiv="refresh" content="30"' in page_html(Page("Title", [], reload_s=30))
    assert "refresh" not in page_html(Page("Title", []))


def test_nothing_is_fetched_and_no_script_runs() -> None:
    assert "default-src 'none'" in page_html(Page("Title", []))


def test_a_page_replaces_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("old")
    write_page(tmp_path / "a.html", Page("Größe", []))
    assert "<h1>Größe</h1>" in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert len(list(tmp_path.iterdir())) == 1


def test_names_that_are_not_utf8_are_shown_by_their_bytes(tmp_path: Path) -> None:
    write_page(tmp_path / "a.html", Page("caf\udce9.rec", []))
    assert "caf\\udce9.rec" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(DaliSsdError, match="missing"):
        write_page(tmp_path / "missing" / "a.html", Page("Title", []))
