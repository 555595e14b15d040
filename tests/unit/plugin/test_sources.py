"""The name of a plugin, which changes with all that it depends on, and the numbers that its sources get."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from dali_ssd.config import INTERPOLATIONS
from dali_ssd.errors import PluginError
from dali_ssd.kernels import plan, targets
from dali_ssd.plugin.sources import Dali, Sources, dali_here, own_sources
from tests.support.plugin import DALI, quick


def test_a_name_tells_dali_cuda_and_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert quick(tmp_path).key(DALI).startswith("dali_ssd-2.4.0-cuda13-riscv64-")


def other_unit(sources: Sources) -> None:
    (sources.folder / "first.cu").write_text("int other;")


def other_header(sources: Sources) -> None:
    (sources.folder / "new.h").write_text("")


def other_name(sources: Sources) -> None:
    (sources.folder / "first.cu").rename(sources.folder / "renamed.cu")


@pytest.mark.parametrize("change", [other_unit, other_header, other_name])
def test_other_sources_have_another_name(change: Callable[[Sources], None], tmp_path: Path) -> None:
    sources = quick(tmp_path)
    before = sources.key(DALI)
    change(sources)
    assert sources.key(DALI) != before


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(DALI, version="2.4.1"),
        dataclasses.replace(DALI, cuda_major=12),
        dataclasses.replace(DALI, compile_flags=(DALI.compile_flags[0], "-D_GLIBCXX_USE_CXX11_ABI=0")),
    ],
)
def test_another_dali_has_another_name(other: Dali, tmp_path: Path) -> None:
    sources = quick(tmp_path)
    assert sources.key(other) != sources.key(DALI)


def test_other_numbers_and_options_have_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = quick(tmp_path)
    before = sources.key(DALI)
    assert dataclasses.replace(sources, defines=(("ANSWER", 43),)).key(DALI) != before
    monkeypatch.setattr("dali_ssd.plugin.sources.COMPILE_FLAGS", ("-O0",))
    assert sources.key(DALI) != before


def test_where_things_lie_makes_no_difference(tmp_path: Path) -> None:
    elsewhere = dataclasses.replace(DALI, compile_flags=("-I/elsewhere", DALI.compile_flags[1]), link_flags=())
    assert quick(tmp_path / "a").key(DALI) == quick(tmp_path / "b").key(elsewhere)


def test_sources_that_are_not_there_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=rf"the sources of the plugin are not in {tmp_path}: install dali_ssd again"):
        Sources(tmp_path, ()).key(DALI)


def test_both_sides_have_the_same_numbers() -> None:
    defines = dict(own_sources().defines)
    assert defines["DALI_SSD_WINDOW"] == plan.WINDOW and defines["DALI_SSD_PLAN_SIZE"] == plan.PLAN_SIZE
    assert defines["DALI_SSD_BLOCK"] == targets.BLOCK
    assert [defines[f"DALI_SSD_{name.upper()}"] for name in INTERPOLATIONS] == list(range(len(INTERPOLATIONS)))
    assert {"DALI_SSD_MIRROR", "DALI_SSD_FILTER", "DALI_SSD_COLOR"} <= defines.keys()


def test_the_dali_that_is_here() -> None:
    here = dali_here()
    assert here.cuda_major in (12, 13)
    assert Path(here.compile_flags[0].removeprefix("-I"), "dali").is_dir()
    assert "-ldali" in here.link_flags


@pytest.mark.parametrize(("number", "major"), [(12986, 12), (13492, 13), (13088, 13), (129100, 12), (131088, 13)])
def test_the_major_version_is_read_from_a_number_without_dots(
    number: int, major: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nvidia.dali.__cuda_version__", number)
    assert dali_here().cuda_major == major
