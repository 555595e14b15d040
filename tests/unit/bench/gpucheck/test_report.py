from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from dali_ssd.bench.experiment import Run, Trial
from dali_ssd.bench.gpucheck.checks import CheckResult
from dali_ssd.bench.gpucheck.report import COLUMNS, NAMES, page, summary, write_report
from dali_ssd.bench.gpucheck.session import GpuCheck
from dali_ssd.bench.measuring.before import Before
from dali_ssd.bench.measuring.outcome import Outcome
from tests.support.paths import ROOT

Make = Callable[..., GpuCheck]


def row(text: str, *begin: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {' | '.join(begin)} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def section(text: str, title: str) -> str:
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_page_has_date_card_driver_and_versions(make_check: Make) -> None:
    text = page(make_check())
    assert row(text, "date")[1] == "2026-01-01T00:00:00+00:00"
    assert row(section(text, "Devices"), "1") == [
        "1",
        "NVIDIA A, 81559 MiB, driver 580.1",
        "GPU-1a",
        "0-2,5",
        "4",
        "0",
        "5",
    ]
    assert row(text, "versions")[1] == "dali_ssd 0.1.0"
    assert row(text, "records")[1] == "100 records of about 500 x 375 px, 60 KB and 2.5 objects"


def test_the_page_has_the_goals_met_or_not(make_check: Make) -> None:
    goals = section(page(make_check(0.5)), "Goals")
    assert goals.count("| not met |") == 2
    assert "| 12,000 images/s of the loader at 300 px on 8 devices together | not measured |" in goals
    assert "**1 of 1 check passed, 0 goals met, 2 goals not met, 1 goal not measured.**" in page(make_check(0.5))


def test_each_setting_has_the_loader_beside_the_decoder(make_check: Make) -> None:
    measured = section(page(make_check()), "SSD300")
    titles = row(measured, "devices")
    one, both = (dict(zip(titles, row(measured, devices, "32"), strict=True)) for devices in ("0", "0,1"))
    assert (one["loader"], one["nvJPEG alone"], one["ratio"], one["of n x one"]) == ("95.0", "100", "0.95", "")
    assert (both["loader"], both["ratio"], both["of n x one"]) == ("190", "0.95", "1.00")
    assert one["host ms"] == "0.25"
    assert one["wall ms"] == both["wall ms"] == "10.5"  # 1000 / 95
    assert one["kernels ms"] == "4.21"  # 40% of it
    assert (one["SM %"], one["JPEG decoder %"], one["memory MB"]) == ("40.0", "90.0", "2,000")
    assert "video decoder %" not in titles  # the driver does not tell
    assert "\n- batch 32: 0: 95.0, 1: 95.0\n" in measured


def test_failures_are_in_the_page_and_what_worked_stays(make_check: Make) -> None:
    found = make_check()
    found.checks.append(CheckResult("training, PNG, area", "2% | of it", device="GPU 1"))
    failed = Run(Trial("dali_ssd", 4, 256, (0, 1)), 1, Outcome(error="GPU 1: out of memory"))
    found.runs[512].append(failed)
    found.ended = "interrupted"
    text = page(found)
    assert "1 of 2 checks passed" in text and "It ended early" in text
    assert row(text, "GPU 1", "training, PNG, area")[2] == "failed"
    assert row(section(text, "SSD512"), "0,1", "256")[2] == "failed"
    assert row(section(text, "SSD512"), "0,1", "32")[2] == "190"
    assert section(text, "Failures").strip().splitlines() == [
        "- GPU 1, training, PNG, area: failed: 2% | of it",
        "- 512 px, dali_ssd, 4 threads, batch 256 on devices 0,1: failed: GPU 1: out of memory",
        "- it ended early: interrupted",
    ]


def test_nothing_measured_is_a_page_too(make_check: Make) -> None:
    found = make_check()
    found.runs, found.checks, found.ended = {300: []}, [], "interrupted"
    assert "**0 of 0 checks passed" in page(found)
    assert section(page(found), "SSD300").strip() == "Not measured."


def test_without_a_gpu_the_page_says_that_it_shows_nothing(make_check: Make) -> None:
    found = make_check()
    found.devices = [replace(device, kind="cpu", gpu=None) for device in found.devices]
    assert "says nothing about a GPU" in row(section(page(found), "Devices"), "0")[1]


def test_where_things_ran_is_told_once(make_check: Make) -> None:
    found = make_check()
    for shape, runs in found.runs.items():
        found.runs[shape] = [replace(run, outcome=replace(run.outcome, placement="render: plugin")) for run in runs]
    assert page(found).count("What ran where: render: plugin.") == 1


def test_each_check_has_what_ran_where(make_check: Make) -> None:
    assert row(page(make_check()), "GPU 0", "validation, PNG")[2:] == [
        "passed",
        "0.40",
        "0.020",
        "0.000%",
        "render: plugin",
    ]


def test_checks_that_were_not_made_did_not_pass(make_check: Make) -> None:
    found = make_check()
    for name in ("a", "b"):
        found.checks.append(CheckResult(name, "there is no plugin to check", made=False, device="GPU 1"))
    text = page(found)
    assert "**1 of 3 checks passed, 2 not made, " in text
    assert row(text, "GPU 1", "a")[2] == "not checked"
    assert found.failures == ["GPU 1, a; GPU 1, b: not checked: there is no plugin to check"]


def test_equal_failures_are_one_line(make_check: Make) -> None:
    found = make_check()
    found.checks = [CheckResult(f"check {number}", "no CUDA", device="GPU 0") for number in range(9)]
    (line,) = found.failures
    assert line == "GPU 0, check 0; GPU 0, check 1; GPU 0, check 2; and 6 places more: failed: no CUDA"


def test_gpus_that_were_not_checked_are_not_in_the_page(make_check: Make) -> None:
    found = make_check(devices=(0,))
    found.machine = replace(found.machine, gpus=["NVIDIA A", "NVIDIA OTHER"])
    assert "NVIDIA OTHER" not in page(found)


def test_what_was_noted_is_in_page_and_terminal(make_check: Make) -> None:
    found = make_check()
    found.before = Before({"GPU 0": None}, ["GPU 1 is busy"])
    assert "\nNote: GPU 1 is busy.\n" in page(found)
    assert row(section(page(found), "Devices"), "0")[5:] == ["no reading"] * 2
    assert "note: GPU 1 is busy" in summary(found).splitlines()
    runs = found.runs[300]
    runs[0] = replace(runs[0], outcome=replace(runs[0].outcome, notes=["no reading"]))
    assert "- dali_ssd, 4 threads, batch 32: no reading" in page(found)


def test_the_terminal_gets_verdict_goals_and_failures_in_short(make_check: Make) -> None:
    found = make_check(0.5)
    found.checks.append(CheckResult("training, PNG, area", "x" * 400, device="GPU 1"))
    verdict, *reached, failure = summary(found).splitlines()
    assert verdict.startswith("1 of 2 checks passed, 0 goals met")
    assert [line.partition(":")[0] for line in reached] == ["not met", "not met", "not measured"]
    assert len(failure) < 200


def test_the_documented_columns_are_those_of_the_page(make_check: Make) -> None:
    document = (ROOT / "docs" / "gpu-check.md").read_text()
    table = document.partition("| column | what it is |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = dict(line.strip("| ").split(" | ", 1) for line in table.splitlines())
    assert rows == COLUMNS
    legend = section(page(make_check()), "Columns")
    assert all(f"| {title} | {meaning} |" in legend for title, meaning in COLUMNS.items())


def test_both_files_are_written(tmp_path: Path, make_check: Make) -> None:
    found = make_check()
    write_report(found, tmp_path)
    record, text = (tmp_path / name for name in NAMES)
    assert text.read_text() == page(found)
    fields = json.loads(record.read_text())
    assert fields["format"] == "dali-ssd gpu-check 2"
    assert [(one["number"], one["gpu"]["uuid"]) for one in fields["devices"]] == [(0, "GPU-0a"), (1, "GPU-1a")]
    assert (fields["devices"][0]["cores"], fields["threads"]) == ([0, 1, 2, 5], [4])
    assert [goal["state"] for goal in fields["goals"]] == ["met", "met", "not measured"]
    assert fields["checks"][0]["farthest"] == 0.4
    assert set(fields["runs"]) == set(fields["summary"]) == {"300", "512"}
    assert fields["summary"]["300"][0]["speed"]["median"] == 95.0
    assert fields["failures"] == []
