from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from dali_ssd.bench.experiment import Run, Trial
from dali_ssd.bench.measuring.outcome import Outcome
from dali_ssd.bench.results.record import BenchResult
from dali_ssd.bench.results.table import format_number, print_record


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(record: BenchResult, stream: io.StringIO | None = None) -> str:
    stream = stream or io.StringIO()
    print_record(record, stream)
    return stream.getvalue()


def line_of(text: str, contender: str) -> str:
    (line,) = (line for line in text.splitlines() if line.strip("| ").startswith(contender + " ") and "|" in line)
    return line


def test_a_log_gets_plain_characters_and_every_number(make_record: Callable[..., BenchResult]) -> None:
    text = printed(make_record())
    assert text.isascii()
    assert "\x1b" not in text
    line = line_of(text, "gluoncv")
    for expected in ("150", "100 - 200", "10.0x", "10.0 - 10.0", "300"):
        assert expected in line


def test_the_reference_is_not_compared_with_itself(make_record: Callable[..., BenchResult]) -> None:
    assert "x" not in line_of(printed(make_record()), "dali_ssd")


def test_setting_machine_and_versions_are_above_the_table(make_record: Callable[..., BenchResult]) -> None:
    text = printed(make_record())
    for expected in ("load at 300 px on the cpu, 100 records of about 500 x 375 px", "A CPU, 2 cores", "dali 2.4.0"):
        assert expected in text.partition("contender")[0]


def test_a_failure_is_a_row_with_its_error_below(make_record: Callable[..., BenchResult]) -> None:
    text = printed(make_record([Run(Trial("stock", 2, 32), 1, Outcome(error="ValueError: bad [label]"))]))
    assert "failed" in line_of(text, "stock")
    assert "failed: stock, 2 threads, batch 32: ValueError: bad [label]" in text


def test_contenders_are_explained(make_record: Callable[..., BenchResult]) -> None:
    text = printed(make_record([Run(Trial("mxnet", 2, 32), 1, Outcome(1.0))]))
    assert "makes no targets" in text


def test_device_columns_are_there_only_with_several(make_record: Callable[..., BenchResult]) -> None:
    assert "devices" not in printed(make_record()).partition("dali_ssd:")[0]
    both = Outcome(760.0, devices=[Outcome(400.0), Outcome(360.0)], placement="render: plugin")
    text = printed(make_record([Run(Trial("dali_ssd", 2, 32, (0, 1)), 1, both)]))
    line = next(line for line in text.splitlines() if "0,1" in line)
    assert "760" in line and "0.38" in line  # of twice 1,000
    assert "each device, images/s: dali_ssd, 2 threads, batch 32 on devices 0, 1: 0: 400, 1: 360" in text
    assert "dali_ssd runs: render: plugin" in text


def test_gpu_columns_are_there_only_with_readings(make_record: Callable[..., BenchResult]) -> None:
    assert "GPU" not in printed(make_record())
    with_gpu = [Run(Trial("decode", 2, 32), 1, Outcome(1.0, gpu_utilization=87.0, gpu_memory_mb=1234.0))]
    text = printed(make_record(with_gpu))
    assert "GPU %" in text
    assert "87.0" in line_of(text, "decode")


def test_a_terminal_gets_the_same_numbers(
    make_record: Callable[..., BenchResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert "10.0x" in printed(make_record(), Terminal())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0412, "0.041"),
        (0.0, "0.000"),
        (0.123, "0.12"),
        (9.994, "9.99"),
        (12.34, "12.3"),
        (123.4, "123"),
        (1234.5, "1,230"),
        (1e6, "1,000,000"),
    ],
)
def test_numbers_have_three_digits_that_count(value: float, text: str) -> None:
    assert format_number(value) == text
