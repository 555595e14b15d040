"""Compilation of the sources: the translation units side by side, and all of them linked."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from dali_ssd.errors import CompilerError, PluginError
from dali_ssd.plugin.architectures import Architectures
from dali_ssd.plugin.place import writing
from dali_ssd.plugin.sources import COMPILE_FLAGS, Dali, Sources
from dali_ssd.plugin.toolkit import Toolkit
from dali_ssd.util.progress import Progress

__all__ = ["Compiler", "Tools"]

_POLL = 0.1
"""Seconds between two looks at the compilers."""
_LAST_LINES, _LONGEST_LINE = 12, 200
"""As much of what a compiler says is part of the error."""
_COMMAND = "#$ "
"""How nvcc with -v begins the lines that tell what it starts."""
_FRONT_END = re.compile(r'^#\$ ("[^"\n]*/cicc"|\S*\bcicc) ', re.MULTILINE)
"""Of these, the one that is started once for each architecture, and takes most of the time. Folders may have spaces."""


class Tools(NamedTuple):
    """What compiles, and the DALI that it is for."""

    toolkit: Toolkit
    host_compiler: Path
    dali: Dali


class Compiler:
    """The tools, what they compile, and a folder for all that is in between.

    `log` is the file for what the compilers say if they fail.
    """

    def __init__(self, tools: Tools, sources: Sources, work: Path, log: Path) -> None:
        self._tools, self._sources, self._work, self._log = tools, sources, work, log

    def steps(self, architectures: Architectures) -> int:
        """Return how far `build` advances its progress."""
        return len(self._sources.units) * len(architectures.virtual) + 1

    def build(self, architectures: Architectures, library: Path, progress: Progress) -> None:
        """Write the plugin to `library`. Raises CompilerError, with the compiler's last lines, if that fails."""
        units = self._sources.units
        objects = [self._work / f"{unit.stem}.o" for unit in units]
        threads = max(1, len(os.sched_getaffinity(0)) // len(units))
        options = [*COMPILE_FLAGS, *self._sources.define_flags, *architectures.flags, *self._tools.dali.compile_flags]
        options += [f"-I{self._sources.folder}", f"--threads={threads}", "-c"]
        self._run([[*options, str(unit), "-o", str(out)] for unit, out in zip(units, objects, strict=True)], progress)
        # Nothing of the device is left to link, which would be done for each architecture.
        link = ["-shared", "-Xcompiler=-fPIC", *map(str, objects), *self._tools.dali.link_flags, "-o", str(library)]
        self._run([link], progress)
        progress.advance(self.steps(architectures) - progress.done)

    def _run(self, runs: list[list[str]], progress: Progress) -> None:
        """Run nvcc with each of the arguments side by side; end them all as soon as one fails, or on Ctrl-C."""
        nvcc = self._tools.toolkit
        command = [str(nvcc.nvcc), "-v", *nvcc.flags, f"-ccbin={self._tools.host_compiler}"]
        outputs = [self._work / f"{number}.log" for number in range(len(runs))]
        started: list[subprocess.Popen[bytes]] = []
        before = progress.done
        try:
            for run, output in zip(runs, outputs, strict=True):
                started.append(self._start([*command, *run], output))
            while True:
                running = any(process.poll() is None for process in started)
                failed = next((number for number, process in enumerate(started) if process.poll()), None)
                if failed is not None or not running:
                    break
                time.sleep(_POLL)
                progress.advance(before + sum(map(_front_ends, outputs)) - progress.done)
        finally:
            for process in started:
                _end(process)
        if failed is not None:
            self._tell(started[failed].returncode, outputs[failed])

    def _start(self, command: list[str], output: Path) -> subprocess.Popen[bytes]:
        # A group of its own, so that it ends with all that it has started, and temporary files in the folder that goes.
        environment = os.environ | {"TMPDIR": str(self._work)}
        environment.pop("NVCC_CCBIN", None)  # -ccbin is what was checked; nvcc takes no empty one
        with writing(), open(output, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(f"{shlex.join(command)}\n")
            file.flush()
            return _start_guarded(command, file, environment)

    def _tell(self, code: int, output: Path) -> None:
        said = output.read_text(encoding="utf-8", errors="replace")
        lines = [line for line in said.splitlines()[1:] if line.strip(" ^~|") and not line.startswith(_COMMAND)]
        with writing():
            output.replace(self._log)
        last = "".join(f"\n  {line[:_LONGEST_LINE]}" for line in lines[-_LAST_LINES:]) or "\n  it said nothing"
        raise CompilerError(
            f"the plugin cannot be built: {self._tools.toolkit} ended with code {code}; all that it said is in "
            f"{self._log}, and this was the last of it:{last}"
        )


def _start_guarded(command: list[str], output: IO[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a command that ends when this process does, even if that is killed."""
    guarded = [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py")), *command]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": output, "stderr": subprocess.STDOUT}
    try:
        return subprocess.Popen(guarded, **pipes, env=environment, start_new_session=True)
    except OSError as error:
        raise PluginError(f"the plugin cannot be built: {guarded[0]} does not start: {error.strerror}") from error


def _end(process: subprocess.Popen[bytes]) -> None:
    with process:  # which closes the pipe
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _front_ends(output: Path) -> int:
    return len(_FRONT_END.findall(output.read_text(encoding="utf-8", errors="replace")))
