"""The `dali-ssd` command itself: help, versions, unknown commands, and how errors look."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

import dali_ssd
from dali_ssd.cli import main as cli
from dali_ssd.cli.main import COMMANDS, TRACEBACK_VARIABLE, Command, main
from dali_ssd.errors import DaliSsdError, DatasetError, TrainingError

HEAVY = ("mxnet", "nvidia.dali", "gluoncv", "numba")


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[list[str]], int]], None]:
    """A subcommand `fake` that runs the given function."""

    def install(run: Callable[[list[str]], int]) -> None:
        module = types.ModuleType("fake_command")
        module.run = run  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "fake_command", module)
        monkeypatch.setitem(cli.COMMANDS, "fake", Command("fake_command", "does nothing"))

    monkeypatch.delenv(TRACEBACK_VARIABLE, raising=False)
    return install


def raiser(error: BaseException) -> Callable[[list[str]], int]:
    def run(argv: list[str]) -> int:
        raise error

    return run


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["help"]])
def test_help_lists_every_command(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, command in COMMANDS.items():
        assert any(line.split() == [name, *command.help.split()] for line in lines)
    assert max(map(len, lines)) <= 120


def test_help_imports_next_to_nothing() -> None:
    light = run_python(
        "import sys; from dali_ssd.cli.main import main; main(['--help'])\n"
        f"print([m for m in {(*HEAVY, 'numpy', 'rich', 'tyro')!r} if m in sys.modules], file=sys.stderr)"
    )
    assert (light.returncode, light.stderr.strip()) == (0, "[]")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_is_light(name: str) -> None:
    done = run_python(
        f"""
import sys
from dali_ssd.cli.main import main
try:
    code = main([{name!r}, "--help"])
except SystemExit as stop:
    code = stop.code
loaded = [module for module in {HEAVY!r} if module in sys.modules]
sys.exit(f"code {{code}}, imported {{loaded}}" if code or loaded else 0)
"""
    )
    assert done.returncode == 0, done.stderr
    assert "--help" in done.stdout
    assert f"dali-ssd {name}" in done.stdout


@pytest.mark.parametrize("argv", [["--version"], ["-V"]])
def test_version(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 0
    assert capsys.readouterr().out == f"dali-ssd {dali_ssd.__version__}\n"


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["trian"], "no command 'trian': did you mean train?"),
        (["xyzzy"], "no command 'xyzzy': there are demo, train, "),
        (["--batch-size", "3"], "--batch-size has no meaning here; see dali-ssd --help"),
        ([""], "no command ''"),
    ],
)
def test_unknown_command(argv: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert captured.err.count("\n") == 1


def test_command_gets_its_options_and_gives_its_code(command: Callable[..., None]) -> None:
    seen: list[list[str]] = []

    def run(argv: list[str]) -> int:
        seen.append(argv)
        return 7

    command(run)
    assert main(["fake", "--gpus", ""]) == 7
    assert seen == [["--gpus", ""]]


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DatasetError("no index beside a.rec: run `dali-ssd index a.rec`"), 2, "no index beside a.rec: run `dali-ssd"),
        (TrainingError("loss is nan at step 3"), 3, "loss is nan at step 3"),
        (FileNotFoundError(2, "No such file or directory", "a.rec"), 1, "No such file or directory: 'a.rec'"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (ModuleNotFoundError("No module named 'mxnet'", name="mxnet"), 2, "pip install 'dali-ssd[mxnet]'"),
        (ModuleNotFoundError("No module named 'nvidia'", name="nvidia"), 2, "pip install 'dali-ssd[cuda13]'"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_errors_are_one_line(
    command: Callable[..., None], capsys: pytest.CaptureFixture[str], error: BaseException, code: int, line: str
) -> None:
    command(raiser(error))
    assert main(["fake"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.strip().startswith("dali-ssd: ")
    assert line in captured.err
    assert captured.err.strip().count("\n") == 0


def test_bugs_keep_their_traceback(command: Callable[..., None]) -> None:
    command(raiser(KeyError("boxes")))
    with pytest.raises(KeyError):
        main(["fake"])


def test_traceback_on_request(command: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRACEBACK_VARIABLE, "1")
    command(raiser(DatasetError("no shard")))
    with pytest.raises(DaliSsdError):
        main(["fake"])


def test_reader_that_goes_away_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "dali_ssd"], stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_letters_that_cannot_be_printed_are_escaped(encoding: str) -> None:
    code = "from dali_ssd.cli.main import main; main(['--version']); print('a \u2603')"
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False, env=environment)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, rb"a \u2603")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_error(closed: str) -> None:
    for argument, code in (("--version", 0), ("nonsense", 2)):
        command = f"'{sys.executable}' -m dali_ssd {argument} {closed}"
        assert subprocess.run(["sh", "-c", command], capture_output=True, timeout=60, check=False).returncode == code


def test_module_runs_as_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dali_ssd", "--version"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"dali-ssd {dali_ssd.__version__}\n")


TERMINATED = """
import os, signal, sys, time
from dali_ssd.cli import index
from dali_ssd.cli.main import main
from dali_ssd.util.files import atomic_open

def run(argv):
    with atomic_open(argv[0]) as file:
        file.write(b"half")
        worker = os.fork()
        if not worker:
            time.sleep(60)
        time.sleep(1)  # a signal in the moment of the fork is lost in Python
        os.kill(worker, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == 143
        assert len(os.listdir(".")) == 1
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

index.run = run
sys.exit(main(["index", "a.idx"]))
"""


def test_sigterm_leaves_no_half_written_file(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TERMINATED], cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert list(tmp_path.iterdir()) == []
