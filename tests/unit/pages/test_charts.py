from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from dali_ssd.pages.charts import COLORS, chart, color

pytest.importorskip("matplotlib")


def line(heights: list[float]) -> Any:
    def paint(axes: Any) -> None:
        axes.plot(range(len(heights)), heights, label="height")
        axes.set_xlabel("number")
        axes.legend()

    return paint


def test_a_chart_is_one_svg_element_of_its_size() -> None:
    made = chart(line([1, 2, 3]), "a line that rises", "A line", size=(400, 250))
    root = ElementTree.fromstring(made.svg.replace("xlink:href", "href"))
    assert root.tag == "svg" and (made.width, made.alt, made.caption) == (400, "a line that rises", "A line")
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    assert width / height == pytest.approx(400 / 250)


def test_text_and_grid_have_the_colors_of_the_page() -> None:
    svg = chart(line([1, 2, 3]), "a line").svg
    colors = set(re.findall(r"(?:fill|stroke): (#\w+|currentColor|var\(--line\))", svg))
    assert {"currentColor", "var(--line)", COLORS[0]} <= colors
    assert "#000000" not in colors and "#ffffff" not in colors


def test_charts_on_one_page_share_no_names() -> None:
    first, second = (
        set(re.findall(r'\bid="([^"]+)"', chart(line(heights), "").svg)) for heights in ([1.0, 2.0], [2.0, 1.0])
    )
    assert first and not first & second


def test_references_inside_a_chart_are_found() -> None:
    svg = chart(line([1, 2, 3]), "").svg
    assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', svg)) <= set(re.findall(r'\bid="([^"]+)"', svg))


def test_equal_charts_are_equal() -> None:
    assert chart(line([1, 2]), "") == chart(line([1, 2]), "")


def test_colors_begin_anew() -> None:
    assert color(len(COLORS)) == color(0) == COLORS[0]


@pytest.mark.parametrize("paper", ["#ffffff", "#15171b"])
@pytest.mark.parametrize("ink", COLORS)
def test_colors_stand_out_on_light_and_dark(ink: str, paper: str) -> None:
    """By the contrast ratio of WCAG 2.1, 3 or more for graphics."""
    lighter, darker = sorted((luminance(ink), luminance(paper)), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 3


def luminance(text: str) -> float:
    parts = [int(text[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
