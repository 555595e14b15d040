"""The report as a page."""

from __future__ import annotations

from pathlib import Path

from dali_ssd.inspection.advising.advice import TOPICS
from dali_ssd.inspection.examine import Inspected
from dali_ssd.inspection.numbers import percent, short, size_in_words
from dali_ssd.inspection.report import Exhibit, Report
from dali_ssd.inspection.showing.sections import anchor_section, box_section, class_section, image_section
from dali_ssd.inspection.showing.thumbnails import gallery, pictures_of
from dali_ssd.pages.elements import Cell, Element, Facts, Fold, Note, Picture, Stats, Table, Text
from dali_ssd.pages.page import Page, Section, write_page
from dali_ssd.util.words import counted

__all__ = ["report_page", "write_report"]

_RECORD_LEAD = (
    "Where a record is shown for some of its objects, these have color and name, and the others are thin and white. "
    "The command below a picture draws the record large. `dali-ssd inspect` prints its label, with the same shard and "
    "the same `--record`."
)
_FINDING_LEAD = (
    "What `dali-ssd check` finds in frames, labels and heads of images; with `--decode` it looks at all pixels."
)


def write_report(path: Path, inspected: Inspected, command: str) -> None:
    """Draw the pictures and write the page; `command` is what was typed.

    Raises DaliSsdError if it cannot be written, MissingDependencyError without Matplotlib or Jinja2.
    """
    write_page(path, report_page(inspected, pictures_of(inspected), command))


def report_page(inspected: Inspected, pictures: dict[int, Picture | None], command: str) -> Page:
    """Return the page; `pictures` are those of the exhibits by their record's number."""
    report = inspected.report
    return Page(
        title=f"What {report.network} {report.data_shape} sees in {_names(report)}",
        lead=_lead(report),
        summary=[_stats(report)],
        sections=[
            Section("Advice", _advice(report)),
            anchor_section(report),
            class_section(report),
            box_section(report),
            image_section(report),
            Section("Records to look at", _records(inspected, pictures), lead=_RECORD_LEAD),
            Section("Findings", _findings(report), lead=_FINDING_LEAD),
        ],
        made_by=command,
    )


def _names(report: Report) -> str:
    paths = [shard.path.rpartition("/")[2] for shard in report.shards]
    return paths[0] if len(paths) == 1 else counted(len(paths), "shard")


def _lead(report: Report) -> str:
    left_out = f" {counted(report.bad, 'record')} with errors left out." if report.bad else ""
    lost = f" {counted(report.unreadable, 'shard')} cannot be read." if report.unreadable else ""
    unit = " Labels are in pixels." if report.unit == "pixel" else ""
    return (
        f"{counted(report.records, 'record')} in {counted(len(report.shards), 'shard')}, "
        f"{size_in_words(sum(shard.bytes for shard in report.shards))}.{left_out}{lost}{unit}"
    )


def _stats(report: Report) -> Stats:
    every, cost = report.all, report.cost
    per_second = f"{1000 / cost.mean_ms:,.0f} images/s of one core" if cost.mean_ms > 0 else "not measured"
    return Stats(
        [
            (f"{report.records:,}", "images", f"{report.boxes.empty:,} without an object"),
            (
                f"{report.boxes.objects:,}",
                "objects",
                f"{short(report.boxes.per_image.median)} per image in the median",
            ),
            (f"{sum(one.objects > 0 for one in report.classes):,}", "classes", _of_named(report)),
            (percent(every.before.covered), "covered, as stored", f"by an anchor at IoU {report.threshold:g}"),
            (percent(every.after.covered), "covered, augmented", f"{report.sample.views} views of each image"),
            (f"{short(cost.mean_ms)} ms", "to decode an image", per_second),
        ]
    )


def _of_named(report: Report) -> str:
    absent = sum(not one.objects for one in report.classes)
    return f"{counted(absent, 'more name')} without an object" if absent else "all with objects"


def _advice(report: Report) -> list[Element]:
    if not report.advice:
        what = "Nothing to do" if report.records else "No good record"
        text = f"Looked at, and within limits: {', '.join(map(_inside, TOPICS))}." if report.records else ""
        return [Note("good" if report.records else "warning", what, text)]
    notes: list[Element] = [
        Note(
            "warning" if one.urgent else "advice",
            one.topic,
            f"{one.seen}\n\nWhat it costs: {one.costs}\n\nWhat to do: {one.do}",
            one.command,
        )
        for one in report.advice
    ]
    raised = {one.topic for one in report.advice}
    silent = [_inside(topic) for topic in TOPICS if topic not in raised]
    return [*notes, Text(f"Nothing to say on: {', '.join(silent)}.")] if silent else notes


def _inside(topic: str) -> str:
    """Return a topic as it is written within a sentence."""
    return topic[0].lower() + topic[1:]


def _records(inspected: Inspected, pictures: dict[int, Picture | None]) -> list[Element]:
    elements: list[Element] = []
    report = inspected.report
    for group, title in (
        ("crowded", "The most crowded"),
        ("smallest", "Those with the smallest objects"),
        ("strange", "The strangest"),
    ):
        some: list[Exhibit] = [one for one in report.exhibits if one.group == group]
        if some:
            elements += [Text(f"{title}:"), *gallery(inspected.config, some, pictures)]
    odd: list[list[Cell]] = [[one.what, one.count] for one in report.oddities if one.count]
    if odd:
        elements.append(Table(["strange", "how many"], odd))
    return elements or [Note("good", "None is strange")]


def _findings(report: Report) -> list[Element]:
    if not report.findings:
        return [Note("good", "No findings")]
    table = Table(
        ["severity", "finding", "count", "what it is", "what to do"],
        [[one.severity, one.kind, one.count, one.title, one.advice] for one in report.findings],
    )
    places = Facts([(one.kind, "; ".join(one.places)) for one in report.findings])
    return [table, Fold("The first of each", [places])]
