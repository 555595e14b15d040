"""Every block of code in the documents does what it says, in a small folder with the files that it names."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import tyro

from dali_ssd.cli.main import COMMANDS
from tests.docs.folder import prepare
from tests.support.blocks import Block, assigned, blocks_of, commands_in, missing_for
from tests.support.paths import ROOT

pytestmark = pytest.mark.docs

PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "docker" / "README.md"]
    + [page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "extending"]
    + list((ROOT / "dali_ssd").rglob("README.md"))
)
"""All but `docs/extending`, whose blocks are run by `tests/unit/test_extending.py` in a copy of the checkout."""
RUN = ("python", "sh", "diff")
PARSED = ("json", "toml", "yaml", "ini")
PROSE = ("text",)


def page_id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def steps_of(page: Path) -> tuple[list[list[str]], str]:
    """What a reader does, and the library for which they stop early; empty if they do not."""
    steps, lacks = [], ""
    for block in blocks_of(page):
        if block.not_run or block.language not in RUN:
            continue
        if missing := missing_for(block):
            lacks = f"{block.place} needs {missing}"
            if block.language != "diff":  # which no other block builds on
                break
            continue
        code = [part for part in block.added() if not any(commands_in(part, {}))]
        text = "\f".join(code) if block.language == "diff" else block.text
        steps.append([block.language, block.place, text])
    return steps, lacks


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    prepare(folder)
    return folder


@pytest.fixture(scope="module")
def trained(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has been trained in as well, as far as that goes here: what docs/train.md leaves in `runs`."""
    folder = tmp_path_factory.mktemp("trained") / "in"
    shutil.copytree(drawn, folder)
    command = (
        "train --train data/train.rec --val data/val.rec --network mobilenet0.25 --data-shape 128 --pretrained-base no"
    )
    if not missing_for(Block(ROOT / "docs" / "train.md", 0, "sh", f"dali-ssd {command}")):
        options = f"{command} --batch-size 8 --epochs 1 --save-prefix runs/".split()
        subprocess.run([sys.executable, "-m", "dali_ssd", *options], cwd=folder, env=environment(), check=True)
    return folder


def environment() -> dict[str, str]:
    """The process's environment, with the commands of this Python and the code of this checkout."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}


WITH_CODE = [page for page in PAGES if any(not one.not_run and one.language in RUN for one in blocks_of(page))]


@pytest.mark.parametrize("page", WITH_CODE, ids=page_id)
def test_what_a_page_says_works(page: Path, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    steps, missing = steps_of(page)
    if not steps:
        pytest.skip(missing)
    folder = tmp_path / "reader"
    uses_trained = any("runs/ssd_" in text and "--save-prefix runs/" not in text for _, _, text in steps)
    shutil.copytree(request.getfixturevalue("trained" if uses_trained else "drawn"), folder)
    (tmp_path / "steps.json").write_text(json.dumps(steps))
    command = [sys.executable, str(ROOT / "tests" / "docs" / "reader.py"), str(tmp_path / "steps.json")]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    if missing:
        pytest.skip(f"{len(steps)} blocks work; {missing}")


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_block_is_of_a_known_kind(page: Path) -> None:
    kinds = {one.language for one in blocks_of(page)}
    assert kinds <= {*RUN, *PARSED, *PROSE}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_data_can_be_read(page: Path) -> None:
    for block in blocks_of(page):
        if block.language == "json":
            json.loads(block.text)
        elif block.language == "toml":
            import_module("tomllib" if sys.version_info >= (3, 11) else "tomli").loads(block.text)
        elif block.language == "yaml":
            list(pytest.importorskip("yaml").safe_load_all(block.text))
        elif block.language == "ini":
            configparser.ConfigParser().read_string(block.text)


class ParsedError(Exception):
    """Raised in place of a command's work."""


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_options_of_commands_can_be_parsed(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of those that are not run."""
    cli = tyro.cli

    def parse(*arguments: object, **settings: object) -> object:
        cli(*arguments, **settings)  # type: ignore[call-overload]
        raise ParsedError

    monkeypatch.setattr(tyro, "cli", parse)
    blocks = [block for block in blocks_of(page) if block.language in ("sh", "diff")]
    variables = assigned("".join(block.text for block in blocks))
    for block in blocks:
        shell = "".join(block.added()) if block.language == "diff" else block.text
        for name, *options in commands_in(shell, variables):
            assert name in COMMANDS, f"{block.place}: {name}"
            if "--help" not in options:
                with pytest.raises(ParsedError):
                    import_module(COMMANDS[name].module).run(options)


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_code_that_is_not_run_compiles(page: Path) -> None:
    for block in blocks_of(page):
        if block.language == "python":
            compile(block.text, block.place, "exec")


def test_reasons_are_listed() -> None:
    """What is not run says why, in words; `pytest -s` shows all of it."""
    left: list[Block] = [block for page in PAGES for block in blocks_of(page) if block.not_run]
    print("", *(f"{block.place}: {block.not_run}" for block in left), sep="\n")
    assert all(len(block.not_run) > 10 and block.language in RUN for block in left)
