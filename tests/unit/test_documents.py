"""The documents agree with the code: options and defaults, commands, make targets, links, versions."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from dali_ssd.bench.cluster.options import ClusterConfig
from dali_ssd.bench.gpucheck.options import GpuCheckConfig
from dali_ssd.cli.main import COMMANDS
from dali_ssd.config import NvjpegConfig, PipelineConfig, RecordsConfig
from dali_ssd.errors import MissingDependencyError
from dali_ssd.gluon.detecting.options import DetectConfig
from dali_ssd.gluon.options import TrainConfig
from dali_ssd.inspection.advising.advice import TOPICS
from dali_ssd.inspection.options import InspectConfig
from dali_ssd.launch.start.options import LaunchConfig
from dali_ssd.loader import TrainLoader
from dali_ssd.loader.options import TrainOptions
from dali_ssd.plugin.options import BuildPluginConfig
from dali_ssd.util.optional import require
from dali_ssd.visualize.options import ShowConfig
from tests.support.blocks import blocks_of
from tests.support.paths import ROOT, pyproject
from tools.commands import PAGE as COMMANDS_PAGE
from tools.commands import page as commands_page

DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docker/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def as_written(default: object) -> str:
    """A default as the table has it."""
    return "" if default in ((), inspect.Parameter.empty) else str(default)


def on_command_line(config: type[Any]) -> dict[str, str]:
    """Names and defaults of a command's options as the table has them, those of classes in it among them."""
    words = {True: "on", False: "off"}
    options: dict[str, str] = {}
    for one in fields(config):
        nested: Any = one.default_factory
        if isinstance(nested, type) and is_dataclass(nested):
            options |= on_command_line(nested)
        else:
            name = one.name.removeprefix("global_")  # of all processes, which is what GluonCV's option means
            options[name] = words[one.default] if isinstance(one.default, bool) else as_written(one.default)
    return options


def section_of(page: str, heading: str) -> str:
    """The text below a heading of a page of docs/."""
    mark = heading.partition(" ")[0]
    return read(ROOT / "docs" / page).partition(f"{heading}\n")[2].partition(f"\n{mark} ")[0]


def options_in(section: str) -> dict[str, str]:
    rows = re.findall(r"^\| (?:\+ )?`(?:--)?([a-z_-]+)`(?: `-j`)? \| (.*?) ?\| ", section, re.MULTILINE)
    return {name.replace("-", "_"): default for name, default in rows}


def test_commands_are_not_wider_than_a_page_shows() -> None:
    """A line that scrolls out of sight looks as if it were all: commands go on in the next line."""
    begins = re.compile(r"\s*(dali-ssd|python|torchrun|docker|srun) ")
    wide = [
        f"{path.name}: {line}"
        for path in DOCUMENTS
        for block in blocks_of(path)
        if block.language == "sh"
        for line in block.text.splitlines()
        if len(line) > 90 and (begins.match(line) or line.endswith("\\"))
    ]
    assert not wide, "\n".join(wide)


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len(read(ROOT / "README.md").splitlines()) <= 110


def test_the_page_of_commands_is_what_their_options_say() -> None:
    assert read(COMMANDS_PAGE) == commands_page(), "run `make commands`"


def test_every_option_of_a_command_has_a_meaning() -> None:
    assert re.findall(r"^\| `.*\|  \|$", read(COMMANDS_PAGE), re.MULTILINE) == []


def test_the_page_of_the_training_report_has_its_options_with_their_defaults() -> None:
    section = read(ROOT / "docs" / "training-report.md").partition("## Options\n")[2].partition("\n## ")[0]
    options = options_in(section)
    assert options == {name: on_command_line(TrainConfig)[name] for name in ("report", "tensorboard")}


def test_the_page_of_launch_has_every_option_with_its_default() -> None:
    section = section_of("scaling.md", "### Options")
    assert options_in(section) == on_command_line(LaunchConfig)


def test_the_page_of_gpu_check_has_every_option_with_its_default() -> None:
    options = on_command_line(GpuCheckConfig)
    del options["shards"]  # positional
    options["out"] = ""  # required
    section = section_of("gpu-check.md", "## Options")
    rows = re.findall(r"^\| `--([a-z-]+)` \| (.*?) ?\| ", section, re.MULTILINE)
    assert {name.replace("-", "_"): default for name, default in rows} == options


@pytest.mark.parametrize(
    ("page", "config", "own"),
    [
        ("show", ShowConfig, {"record": "", "augmented": ""}),
        ("detect", DetectConfig, {"params": ""}),
    ],
)
def test_pages_of_pictures_have_every_option_with_its_default(
    page: str, config: type[Any], own: dict[str, str]
) -> None:
    """Required ones and those that are nothing by default have an empty one there; the inputs are positional."""
    options = {name: default for name, default in on_command_line(config).items() if name not in ("shards", "inputs")}
    section = read(ROOT / "docs" / f"{page}.md").partition("## Options\n")[2]
    assert options_in(section) == options | own


def test_the_page_of_inspect_has_every_option_with_its_default() -> None:
    options = on_command_line(InspectConfig)
    del options["shards"]  # positional
    assert options_in(read(ROOT / "docs" / "inspect.md")) == options


def test_the_page_of_inspect_has_every_topic_of_advice() -> None:
    section = read(ROOT / "docs" / "inspect.md").partition("## What to do about each advice\n")[2].partition("\n## ")[0]
    assert tuple(re.findall(r"^\| ([A-Z][A-Za-z ]+) \| ", section, re.MULTILINE)) == TOPICS


def test_page_of_the_plan_has_every_key_with_its_default() -> None:
    options = on_command_line(ClusterConfig)
    options["rate"] = ""  # required
    section = section_of("scaling-plan.md", "## Keys")
    assert options_in(section) == options


def test_the_page_of_the_loader_has_every_option_with_its_default() -> None:
    parameters = [one for one in inspect.signature(TrainLoader).parameters.values() if one.name != "options"]
    options = {one.name: as_written(one.default) for one in parameters}
    options |= {name: "None" for name in TrainOptions.__annotations__}  # the recipe's
    options |= {
        one.name: as_written(one.default)
        for kind in (PipelineConfig, RecordsConfig, NvjpegConfig)
        for one in fields(kind)
    }
    assert options_in(section_of("loader.md", "## Options of `TrainLoader`")) == options


def test_page_of_pytorch_has_every_option_of_its_own_with_its_default() -> None:
    pytest.importorskip("torch")
    from dali_ssd.torch import TrainLoader as TorchLoader

    own = inspect.signature(TorchLoader).parameters.keys() - {"self", "shards", "anchors", "options"}
    section = read(ROOT / "docs" / "pytorch.md").partition("In their place:\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| None \| ", section, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"[a-z_]+", row)} == own


def test_page_of_the_plugin_has_every_option_with_its_default() -> None:
    assert options_in(read(ROOT / "docs" / "plugin.md")) == on_command_line(BuildPluginConfig)


def test_the_page_of_the_environment_has_every_variable() -> None:
    """Of those that the code reads or sets and that are no concern of the system's."""
    code = "".join(read(path) for path in (ROOT / "dali_ssd").rglob("*.py"))
    own = re.findall(r"\bDALI_SSD_[A-Z_]+", code) + re.findall(r'(?:environ|getenv)[.a-z]*[(\[]"([A-Z_]+)"', code)
    named = re.findall(r"^\| `([A-Z_]+)`", read(ROOT / "docs" / "environment.md"), re.MULTILINE)
    assert sorted(named) == sorted({*own} - {"TERM", "PYTHONPATH"})


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\((?!https?://)([^)#]+)", read(document)):
        assert (document.parent / link).exists(), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_targets_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", read(ROOT / "Makefile"), re.MULTILINE))
    text = read(document)
    assert set(re.findall(r"dali-ssd ([a-z]+(?:-[a-z]+)*)\b", text)) <= set(COMMANDS)
    shell = "\n".join(block.text for block in blocks_of(document) if block.language == "sh")
    named = re.findall(r"`make ([a-z-]+)", text) + re.findall(r"^make ([a-z-]+)", shell, re.MULTILINE)
    assert set(named) <= targets


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def project() -> dict[str, Any]:
    found: dict[str, Any] = pyproject()["project"]
    return found


def of_extra(name: str) -> list[str]:
    """What an extra requires, and the extras that it is made of."""
    texts: list[str] = []
    for text in project()["optional-dependencies"][name]:
        parts = re.fullmatch(r"dali-ssd\[(.*)\]", text)
        texts += [more for part in parts[1].split(",") for more in of_extra(part)] if parts else [text]
    return texts


def requirements(*extras: str) -> set[str]:
    """Names of what the project and these extras require."""
    texts = [*project()["dependencies"], *(text for name in extras for text in of_extra(name))]
    return {normal(re.split(r"[<>=[]", text)[0]) for text in texts}


OTHER_FRAMEWORKS = {"torch", "jax", "torchvision"}
"""Extras with sets of their own, without MXNet: torchvision needs another build of PyTorch than CI has."""


def pinned(name: str) -> set[str]:
    lines = read(ROOT / "constraints" / f"{name}.txt").splitlines()
    return {normal(line.partition("==")[0]) for line in lines if "==" in line}


@pytest.mark.parametrize("minor", [10, 11, 12, 13])
def test_constraints_pin_every_direct_dependency(minor: int) -> None:
    extras = project()["optional-dependencies"].keys() - OTHER_FRAMEWORKS
    assert requirements(*extras) <= pinned(f"python3.{minor}")


@pytest.mark.parametrize("name", ["python3.11", "python3.11-torch", "python3.11-torchvision"])
def test_constraints_pin_the_extras_that_they_are_for(name: str) -> None:
    extras = re.search(r"tools/install PYTHON (\S+)", read(ROOT / "constraints" / f"{name}.txt"))
    assert extras and requirements(*extras[1].split(",")) <= pinned(name)


def test_there_are_constraints_for_every_python() -> None:
    """Those that pip lets in are those that the installing scripts know, and no others."""
    minors = range(10, 14)
    assert project()["requires-python"] == f">=3.{minors[0]},<3.{minors[-1] + 1}"
    names = {f"python3.{minor}.txt" for minor in minors} | {
        f"python3.11-{name}.txt" for name in ("torch", "torchvision")
    }
    assert {path.name for path in (ROOT / "constraints").iterdir()} == names
    assert f"(3, {minors[0]}) <= sys.version_info[:2] <= (3, {minors[-1]})" in read(ROOT / "tools" / "setup-venv")


def imported() -> set[str]:
    """Top-level names of all that the package imports from elsewhere."""
    modules = [path for folder in ("dali_ssd", "pipelines") for path in (ROOT / folder).rglob("*.py")]
    nodes = [node for path in modules for node in ast.walk(ast.parse(read(path)))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"dali_ssd", "pipelines"}


def test_everything_that_is_imported_is_declared() -> None:
    by_user = {"horovod"}  # built from source against the MXNet that is there; dali_ssd.util.optional tells how
    distribution = {"cv2": "opencv-python", "PIL": "pillow", "nvidia": "nvidia-dali-cuda130"}
    needed = {normal(distribution.get(name, name)) for name in imported() - by_user}
    assert needed <= requirements("cuda13", "mxnet", "torchvision", "jax")


def test_what_is_installed_without_extras() -> None:
    """And OpenCV by one wheel, of which GluonCV asks for the same: two of them would overwrite each other's files."""
    base = {"numpy", "numba", "llvmlite", "opencv-python", "pillow", "rich", "tyro", "typing-extensions"}
    assert requirements() == base
    assert [name for name in requirements(*project()["optional-dependencies"]) if name.startswith("opencv")] == [
        "opencv-python"
    ]


def test_the_page_on_installing_has_every_extra() -> None:
    table = read(ROOT / "docs" / "install.md").partition("| extra | what it installs |\n")[2].partition("\n\n")[0]
    named = [name for row in table.splitlines() for name in re.findall(r"`([^`]+)`", row.split("|")[1])]
    assert sorted(named) == sorted(project()["optional-dependencies"])


def test_advice_for_a_missing_package_has_the_versions_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(MissingDependencyError) as caught:
        require("numba")
    required = re.search(r"pip install '(.*)'$", str(caught.value))
    assert required and required[1] in project()["dependencies"]


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("gluoncv", "gluon"),
        ("matplotlib", "pictures"),
        ("packaging", "gluon"),
        ("pycocotools", "scoring"),
        ("tensorboardX", "tensorboard"),
    ],
)
def test_advice_for_a_missing_package_is_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, name: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=rf"pip install 'dali-ssd\[{extra}\]'$"):
        require(name)
    assert normal(name) in requirements(extra) - requirements()


def test_package_data_is_there() -> None:
    for package, names in pyproject()["tool"]["setuptools"]["package-data"].items():
        assert all(any((ROOT / package).glob(name)) for name in names), package


PLACEHOLDER = re.compile(r"^ *([A-Z]{3,})\W*$|\(([A-Z]{3,})\)(?<!\]\(LICENSE\))", re.MULTILINE)
"""A word in capitals that is all of a line, or of what parentheses hold."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_place_is_held_for_figures_to_come(document: Path) -> None:
    abbreviations = {"COCO", "EOF", "MIG", "SIGHUP", "VOC"}
    assert {alone or held for alone, held in PLACEHOLDER.findall(read(document))} <= abbreviations
