"""What nvcc makes of the sources for a device, which can be read where there is none: registers, spills, rounding."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dali_ssd.errors import PluginError
from dali_ssd.plugin.architectures import Wanted, choose
from dali_ssd.plugin.sources import COMPILE_FLAGS, Sources, dali_here, own_sources
from dali_ssd.plugin.toolkit import Toolkit, find_toolkit

pytestmark = pytest.mark.plugin

IOUS = Path(__file__).with_name("ious.cu")
SOURCES: Sources = own_sources()
MOST_REGISTERS = {"ssd_render": 64, "ssd_targets": 64}
"""Of a thread: with 65,536 of a multiprocessor, 1,024 threads run at once with 64."""
MOST_SHARED_BYTES = 4096
"""Of a block, apart from the notes on an image's objects, whose size the launch gives: 16 KB at most."""
FIGURES = re.compile(
    r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads\n.*?Used (\d+) registers([^\n]*)"
)
ARITHMETIC = re.compile(r"\b(?:add|sub|mul|div|fma|mad)[.\w]*\.f32\b")


@pytest.fixture(scope="module")
def toolkit() -> Toolkit:
    try:
        return find_toolkit(dali_here().cuda_major)
    except PluginError as error:
        pytest.skip(str(error))


def compiled(
    toolkit: Toolkit, source: Path, folder: Path, *flags: str, include: Path = SOURCES.folder
) -> tuple[str, Path]:
    """What nvcc says, and the file that it makes."""
    made = folder / "made"
    options = [*COMPILE_FLAGS, *SOURCES.define_flags, *dali_here().compile_flags, f"-I{include}", *flags]
    command = [str(toolkit.nvcc), *toolkit.flags, *options, str(source), "-o", str(made)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return done.stdout + done.stderr, made


@pytest.mark.parametrize("unit", ["ssd_render", "ssd_targets"])
def test_kernels_stay_in_registers(toolkit: Toolkit, tmp_path: Path, unit: str) -> None:
    """On every GPU that `--arch all` is for."""
    source = SOURCES.folder / f"{unit}.cu"
    all_of_them = choose(Wanted.from_option("all", toolkit.release[0]), toolkit.known)
    said, _ = compiled(toolkit, source, tmp_path, *all_of_them.flags, "-fatbin", "--threads=0", "-Xptxas=-v")
    kernels = list(FIGURES.finditer(said))
    assert len(kernels) == len(all_of_them.codes) * {"ssd_render": 2, "ssd_targets": 1}[unit]
    for stack, stores, loads, registers, rest in (kernel.groups() for kernel in kernels):
        shared = sum(int(number) for number in re.findall(r"(\d+) bytes smem", rest))
        assert (stack, stores, loads) == ("0", "0", "0")
        assert int(registers) <= MOST_REGISTERS[unit]
        assert shared <= MOST_SHARED_BYTES


def rounding_faults(toolkit: Toolkit, folder: Path, include: Path) -> set[str]:
    """Operations of an IoU that a compiler fuses, or is free to."""
    _, made = compiled(toolkit, IOUS, folder, "-arch=sm_90", "-ptx", include=include)
    found = ARITHMETIC.findall(made.read_text())
    assert {"add", "sub", "mul", "div"} <= {operation.split(".")[0] for operation in found}
    return {operation for operation in found if operation.startswith(("fma", "mad")) or ".rn" not in operation}


def test_an_iou_is_rounded_step_by_step(toolkit: Toolkit, tmp_path: Path) -> None:
    assert rounding_faults(toolkit, tmp_path, SOURCES.folder) == set()


@pytest.mark.parametrize(("name", "sign"), [("mul", "*"), ("add", "+"), ("sub", "-")])
def test_a_plain_operation_is_found(toolkit: Toolkit, tmp_path: Path, name: str, sign: str) -> None:
    """In a copy of the sources; a plain division is rounded all the same."""
    shutil.copytree(SOURCES.folder, tmp_path / "sources")
    header = tmp_path / "sources" / "team.h"
    text = header.read_text()
    call = f"__f{name}_rn(a, b)"
    assert text.count(call) == 1
    header.write_text(text.replace(call, f"a {sign} b"))
    assert rounding_faults(toolkit, tmp_path, header.parent)


def disassemblers(toolkit: Toolkit) -> Iterator[Path]:
    """The places where nvdisasm may be: beside nvcc, on PATH, in this environment by PyPI's nvidia-cuda-nvdisasm."""
    import nvidia

    yield toolkit.nvcc.with_name("nvdisasm")
    yield Path(shutil.which("nvdisasm") or "/none")
    yield from (Path(folder, f"cu{toolkit.release[0]}", "bin", "nvdisasm") for folder in nvidia.__path__)


@pytest.mark.parametrize("arch", ["sm_80", "sm_90", "sm_120"])
def test_the_machine_code_of_a_union_has_no_fused_operation(toolkit: Toolkit, tmp_path: Path, arch: str) -> None:
    tool = next((path for path in disassemblers(toolkit) if path.is_file()), None)
    if tool is None:
        pytest.skip("there is no nvdisasm: pip install nvidia-cuda-nvdisasm")
    _, made = compiled(toolkit, IOUS, tmp_path, f"-arch={arch}", "-cubin")
    whole = subprocess.run([tool, made], capture_output=True, text=True, timeout=60, check=True).stdout
    text = whole[whole.index(".text.unions:") :].partition(".section")[0]
    assert "FMUL" in text and "FADD" in text
    assert "FFMA" not in text
