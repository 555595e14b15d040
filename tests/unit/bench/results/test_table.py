from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from dali_ssd.bench.experiment import Run, Trial
from dali_ssd.bench.measuring.before import Before
from dali_ssd.bench.measuring.outcome import Outcome, of_several
from dali_ssd.bench.results.record import BenchResult
from dali_ssd.bench.results.table import _parts, format_number, print_record


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(record: BenchResult, stream: io.StringIO | None = None) -> str:
    stream = stream or io.StringIO()
    print_record(record, stream)
    return stream.getvalue()


def line_of(text: str, begin: str) -> str:
    """The lines of a contender in all tables, one after the other."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return " ".join(line for line in lines if line.startswith(f"{begin} ") and "on devices" not in line)


def test_a_log_gets_plain_characters_and_every_number(make_record: Callable[..., BenchResult]) -> None:
    text = printed(make_record())
    assert text.isascii()
    assert "\x1b" not in text
    line = line_of(text, "gluoncv")
    for expected in ("150", "100 - 200", "10.0x", "10.0 - 10.0", "300"):
        assert expected in line


def test_the_reference_is_not_compared_with_itself(make_record: Callable[..., BenchResult]) -> None:
    assert "x" not in line_of(printed(make_record()), "dali_ssd").partition("runs")[0]


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
    line = line_of(text, "dali_ssd 0,1")
    assert "760" in line and "0.38" in line  # of twice 1,000
    assert "each device, images/s: dali_ssd, 2 threads, batch 32 on devices 0,1: 0: 400, 1: 360" in text
    assert "dali_ssd runs: render: plugin" in text


def test_gpu_columns_are_there_only_with_readings(make_record: Callable[..., BenchResult]) -> None:
    assert "GPU" not in printed(make_record())
    with_gpu = [Run(Trial("decode", 2, 32), 1, Outcome(1.0, gpu_utilization=87.0, gpu_memory_mb=1234.0))]
    text = printed(make_record(with_gpu))
    assert "GPU" in text
    assert "87.0" in line_of(text, "decode")


def eight(batch_sizes: tuple[int, ...] = (32,)) -> list[Run]:
    devices = tuple(range(8))
    parts = [Outcome(10_022.0, 0.341, 3.97, 3044.0, 12.1, gpu_utilization=87.3, gpu_memory_mb=5244.0)] * 8
    whole = of_several({f"GPU {number}": replace(part, images=1) for number, part in enumerate(parts)})
    return [
        Run(Trial(name, 16, size, numbers), 1, outcome)
        for size in batch_sizes
        for numbers, outcome in (((0,), parts[0]), (devices, whole))
        for name in ("dali_ssd", "gluoncv")
    ]


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("batch_sizes", [(32,), (32, 128)])
def test_tables_of_eight_gpus_are_readable_in_80_columns(
    batch_sizes: tuple[int, ...],
    terminal: bool,
    make_record: Callable[..., BenchResult],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    record = make_record()
    record.runs[:] = eight(batch_sizes)
    text = re.sub(r"\x1b\[[\d;]*m", "", printed(record, Terminal() if terminal else None))
    tables = text.partition("dali 2.4.0")[2].partition("dali_ssd: TrainLoader")[0]
    assert max(map(len, tables.splitlines())) <= 80
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    line = line_of(text, "dali_ssd 0-7")
    for figure in ("80,200", "80,200 - 80,200", "1.00", "0.34", "31.8", "24,400", "12.1", "87.3", "5,240"):
        assert figure in line, figure
    assert line_of(text, "gluoncv 0-7").count("1.00 - 1.00") == len(batch_sizes)
    assert 2 <= text.count("\ncontender") <= 3


def test_what_all_rows_have_is_said_once(make_record: Callable[..., BenchResult]) -> None:
    text = printed(make_record())
    assert "\nthreads: 2; batch: 32\n" in text
    titles = next(line for line in text.splitlines() if line.startswith("contender"))
    assert "threads" not in titles and "batch" not in titles
    assert "\nbatch: 32\n" in printed(make_record(threads=(1, 2)))


@pytest.mark.parametrize(("columns", "tables"), [(20, 8), (300, 1)])
def test_other_widths_have_as_many_tables_as_they_need(
    columns: int, tables: int, make_record: Callable[..., BenchResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert printed(make_record(eight()[:2]), Terminal())
    assert len(_parts([("a", ["b"])], [[("c" * 9, ["d"])]] * 8, columns)) == tables


def test_equal_gpus_are_named_once(make_record: Callable[..., BenchResult]) -> None:
    record = make_record()
    record = replace(record, machine=replace(record.machine, gpus=[*["NVIDIA H100"] * 8, "NVIDIA A"]))
    assert "8 x NVIDIA H100; NVIDIA A" in printed(record)


def test_notes_are_above_and_below_the_table(make_record: Callable[..., BenchResult]) -> None:
    noted = Run(Trial("stock", 2, 32), 1, Outcome(1.0, notes=["GPU 0: no reading"]))
    record = replace(make_record([noted]), before=Before(notes=["without the plugin: no nvcc"]))
    above, _, below = printed(record).partition("contender")
    assert "note: without the plugin: no nvcc" in above
    assert "note: stock, 2 threads, batch 32: GPU 0: no reading" in below


def test_every_placement_of_a_contender_is_told(make_record: Callable[..., BenchResult]) -> None:
    runs = [
        Run(Trial("stock", 2, 32), number, Outcome(1.0, placement=text)) for number, text in enumerate("ab", start=1)
    ]
    runs.append(Run(Trial("stock", 2, 64), 1, Outcome(1.0, placement="c")))
    text = printed(make_record(runs))
    assert "stock runs: a or b" in text
    assert "stock runs: c" in text


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
