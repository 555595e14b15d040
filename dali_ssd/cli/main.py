"""Find the subcommand, run it, and turn errors into one line on stderr and an exit code.

Subcommands are imported when they run, so `dali-ssd --help` needs neither DALI nor MXNet. Each `cli/<name>.py` has
`run(argv) -> int`, the exit code.
"""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import NamedTuple, NoReturn, cast

from dali_ssd import __version__
from dali_ssd.errors import DaliSsdError
from dali_ssd.util.optional import explain

__all__ = ["COMMANDS", "TRACEBACK_VARIABLE", "Command", "main"]

TRACEBACK_VARIABLE = "DALI_SSD_TRACEBACK"
"""Environment variable; if it is set, errors show Python's traceback instead of one line."""

_FAILURE = 1
_USAGE_ERROR = 2
_INTERRUPTED = 130
_BROKEN_PIPE = 141


class Command(NamedTuple):
    """A subcommand: the module with its `run`, and a line of help."""

    module: str
    help: str


COMMANDS = {
    "demo": Command("dali_ssd.cli.demo", "draw a small data set, train and score on it, and show where the time goes"),
    "train": Command("dali_ssd.cli.train", "train an SSD from shards, with the option names of GluonCV's train_ssd.py"),
    "launch": Command("dali_ssd.cli.launch", "start the processes of a training run on one host or several"),
    "eval": Command("dali_ssd.cli.eval", "score trained parameters: VOC07 mAP and COCO AP"),
    "detect": Command("dali_ssd.cli.detect", "find objects in images or shards: pictures with boxes, and JSON lines"),
    "bench": Command("dali_ssd.cli.bench", "compare loaders on the same work"),
    "gpu-check": Command("dali_ssd.cli.gpu_check", "check and measure this package on NVIDIA GPUs, and write a report"),
    "convert": Command("dali_ssd.cli.convert", "turn Pascal VOC or COCO annotations into shards"),
    "reshard": Command("dali_ssd.cli.reshard", "deal the records of shards out to more or fewer shards, or mix them"),
    "build-plugin": Command(
        "dali_ssd.cli.build_plugin", "build the DALI plugin, which renders and makes targets on a GPU"
    ),
    "index": Command("dali_ssd.cli.index", "rebuild the .idx of a shard"),
    "check": Command("dali_ssd.cli.check", "find every damaged or doubtful record, and repair shards"),
    "show": Command("dali_ssd.cli.show", "draw records with their boxes, as stored or as seen in training"),
    "inspect": Command("dali_ssd.cli.inspect", "show data as an SSD sees it: anchors, cost, strange records, advice"),
    "env": Command("dali_ssd.cli.env", "print versions, processor and GPUs, as a report of a problem needs them"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run `dali-ssd` with `argv` (default: the process's arguments) and return its exit code."""
    _prepare_streams()
    try:
        with _tidy_when_terminated():
            code = _dispatch(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("\ndali-ssd: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader of our output is gone; without this, the interpreter's flush at exit fails.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except Exception as error:
        known = _for_people(error)
        if known is None or os.environ.get(TRACEBACK_VARIABLE):
            raise
        print(f"dali-ssd: error: {known}", file=sys.stderr)
        return known.exit_code if isinstance(known, DaliSsdError) else _FAILURE


def _prepare_streams() -> None:
    """Let nothing that is printed end a command: a stream may be closed, or have no letter for what is in a name."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the shell, as in `>&-`
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _tidy_when_terminated() -> Iterator[None]:
    """Make SIGTERM unwind the command, which removes half-written files. Training has its own handler."""
    home = os.getpid()

    def end(number: int, _: object) -> NoReturn:
        if os.getpid() != home:  # a forked worker has nothing to tidy up: the files are its parent's
            os._exit(128 + number)
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _dispatch(argv: list[str]) -> int:
    name, options = (argv[0], argv[1:]) if argv else ("--help", [])
    if name in COMMANDS:
        module = importlib.import_module(COMMANDS[name].module)
        return cast("Callable[[list[str]], int]", module.run)(options)
    if name in ("-h", "--help", "help"):
        print(_help())
        return 0
    if name in ("-V", "--version"):
        print(f"dali-ssd {__version__}")
        return 0
    print(f"dali-ssd: error: {_unknown(name)}", file=sys.stderr)
    return _USAGE_ERROR


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.help}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: dali-ssd COMMAND [OPTIONS]",
            "",
            "A DALI input pipeline for SSD detection training from MXNet RecordIO shards.",
            "",
            *lines,
            "",
            "`dali-ssd COMMAND --help` lists the options of a command; `dali-ssd --version` prints the version.",
        ]
    )


def _unknown(name: str) -> str:
    if name.startswith("-"):
        return f"the command comes before its options, so {name} has no meaning here; see dali-ssd --help"
    near = get_close_matches(name, COMMANDS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
    return f"no command {name!r}: {hint}"


def _for_people(error: Exception) -> DaliSsdError | OSError | None:
    """Return the error whose message is enough to act on; None for a bug, which keeps its traceback."""
    known = explain(error) or error
    return known if isinstance(known, DaliSsdError | OSError) else None
