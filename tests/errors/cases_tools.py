"""The command line, pictures, drawing, and the benchmark."""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from dali_ssd.anchors import network_anchors, vgg_anchors
from dali_ssd.bench.cluster.options import read_cluster
from dali_ssd.bench.contenders.device import mxnet_context
from dali_ssd.bench.contenders.shared_memory import check_shared_memory
from dali_ssd.bench.datasets import MakeConfig, describe
from dali_ssd.bench.experiment import Run, Trial
from dali_ssd.bench.gpucheck.sample import take_sample
from dali_ssd.bench.measuring.devices import cpu_devices, find_gpus
from dali_ssd.bench.measuring.outcome import Outcome
from dali_ssd.bench.planning.parameters import count_parameters
from dali_ssd.bench.results.plot import plot_record
from dali_ssd.bench.results.record import read_record
from dali_ssd.bench.soak.__main__ import main as soak
from dali_ssd.bench.work import Work
from dali_ssd.cli.bench import run as bench
from dali_ssd.cli.eval import run as evaluate
from dali_ssd.cli.inspect import run as inspect
from dali_ssd.cli.main import main
from dali_ssd.loader.recipes import find_recipe
from dali_ssd.records.dataset import open_dataset
from dali_ssd.reporting.views.gallery import Gallery, Seen
from dali_ssd.synthetic import write_shapes
from dali_ssd.util.optional import require
from dali_ssd.visualize.grid import tile_grid
from dali_ssd.visualize.samples import show
from tests.errors.cases import Case, encoded, record, write
from tests.support.smi import gpu, install_smi


def printed(*argv: str) -> Case:
    """Return what `dali-ssd` prints for these arguments."""

    def case(folder: Path, _: object) -> str:
        with contextlib.redirect_stderr(io.StringIO()) as stream:
            assert main(list(argv)) == 2
        return stream.getvalue()

    return case


def show_box_encoder(folder: Path, patch: pytest.MonkeyPatch) -> object:
    recipe = find_recipe(targets="box_encoder")
    patch.setattr("dali_ssd.visualize.samples.asked_recipe", lambda _: recipe)
    return show(write(folder), targets=True)


def soak_into_nowhere(folder: Path, _: object) -> str:
    with contextlib.redirect_stderr(io.StringIO()) as stream:
        assert soak(["--out", str(folder / "none" / "soak.md")]) == 2
    assert f"--out {folder / 'none' / 'soak.md'}: there is" in stream.getvalue()
    return stream.getvalue()


def all_failed(folder: Path, _: object) -> None:
    from dali_ssd.bench.datasets import Description
    from dali_ssd.bench.results.record import BenchResult
    from dali_ssd.machine.describe import Machine

    failed = Run(Trial("dali_ssd", 2, 32), 1, Outcome(error="failed"))
    machine, data = Machine("A CPU", 2, 24.0, 0.5, "Linux"), Description(["a.rec"], 1, 1, 1, 1, 1)
    plot_record(BenchResult([], "", "load", 300, "cpu", {}, machine, data, [failed]), folder / "a.png")


def locked_folder(folder: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setattr("dali_ssd.cli.bench.os.access", lambda *_: False)  # root may write everywhere
    return bench(["--json", str(folder / "a.json")])


def little_shared_memory(_: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**26))
    check_shared_memory(Work(()), 8732)


def without_nvidia_smi(folder: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setenv("PATH", str(folder))
    return find_gpus("all")


def missing_gpu(folder: Path, patch: pytest.MonkeyPatch) -> object:
    install_smi(folder, patch, [gpu(0)])
    return find_gpus("0,3")


def gpu_twice(folder: Path, patch: pytest.MonkeyPatch) -> object:
    install_smi(folder, patch, [gpu(0)])
    patch.setenv("CUDA_VISIBLE_DEVICES", "0,0")
    return find_gpus("all")


def without_mxnet(_: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setitem(sys.modules, "mxnet", None)
    return count_parameters("vgg16_atrous", 300, 20)


def mxnet_without_gpu(folder: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setattr(require("mxnet").context, "num_gpus", lambda: 0)
    return mxnet_context(Work((), device="gpu"))


def png_shard(folder: Path) -> Path:
    return write(folder, [record(image=encoded("PNG")) for _ in range(2)])


def foreign_record(folder: Path, _: object) -> object:
    path = folder / "a.json"
    path.write_text("{}")
    return read_record(path)


CASES: dict[str, Case] = {
    "which is which is not known": lambda folder, _: Seen(Gallery(open_dataset(str(write(folder))), 100, ()), []),
    "no command {name}": printed("frobnicate"),
    "the command comes before its options": printed("--epochs"),
    "there are no images to draw": lambda *_: tile_grid([], []),
    "the number of images must be": lambda folder, _: write_shapes(folder, "a", 0, seed=1),
    "{option} {path}: there is no folder": lambda folder, _: evaluate(
        ["--params", "a.params", "--val", "a.rec", "--json", str(folder / "none" / "a.json")]
    ),
    "not a file name in a folder": lambda folder, _: bench(["--json", str(folder / "none" / "a.json")]),
    "may not write to": locked_folder,
    "its workers need": little_shared_memory,
    "are not known; those of these are": lambda *_: network_anchors("vgg16_atrous", 301),
    "give the number of one record": lambda folder, _: open_dataset(write(folder))[2:5],  # type: ignore[index]
    "classes must be a file, or names": lambda folder, _: show(write(folder), classes=["a,b"]),
    "no record has the key": lambda folder, _: inspect([str(write(folder)), "--record", "9"]),
    "several records have the key": lambda folder, _: show([write(folder), write(folder, name="b")], record=0),
    "makes its targets by DALI's operator": show_box_encoder,
    "for the benchmark": lambda *_: vgg_anchors(128),
    "is no record of": foreign_record,
    "--plan is empty": lambda *_: read_cluster(""),
    "--plan {text}": lambda *_: read_cluster("gpus=8"),
    "how many parameters the network has": without_mxnet,
    "cannot measure what an image costs": lambda folder, _: bench(
        [str(write(folder)), "--plan", "rate=1", "--timeout", "0.01"]
    ),
    "there is no NVIDIA GPU here": without_nvidia_smi,
    "there is no GPU {number}, but": missing_gpu,
    "has a GPU twice": gpu_twice,
    "each part needs a core": lambda *_: cpu_devices(10_000),
    "MXNet can use no GPU here": mxnet_without_gpu,
    "no JPEG of gray or color": lambda folder, _: take_sample([png_shard(folder)], 4, folder),
    "nothing gave numbers": all_failed,
    "no readable image": lambda folder, _: describe(open_dataset(write(folder, [record(image=b"")]))),
    "longest_side and min_records": lambda *_: MakeConfig("a.rec", Path("b.rec"), quality=0),
    "must end in .rec": lambda *_: MakeConfig("a.rec", Path("b.txt")),
    "there is no folder {folder}": soak_into_nowhere,
}
