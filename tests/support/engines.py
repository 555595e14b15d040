"""Runs of engines for distributed training: started with a mark, read as they go, and never left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.paths import ROOT

LOOP = str(ROOT / "tests" / "support" / "engine_loop.py")
LAUNCH = [sys.executable, str(ROOT / "tests" / "support" / "launch_loop.py")]
ENGINES = {"horovod": ["--horovod"], "kvstore": ["--kvstore", "dist_sync"]}
"""The options of training for each engine."""
LAUNCHERS = ("RANK", "WORLD_SIZE", "LOCAL_", "MASTER_", "OMPI_", "PMI", "SLURM_", "HOROVOD_", "DMLC_")
"""Beginnings of variables that tests must not inherit."""
MARK = "DALI_SSD_TEST_RUN"


def need_engine(engine: str) -> None:
    """Skip without the engine. CI fails if a test of engines is skipped."""
    for module in ("mxnet", *(("horovod",) if engine == "horovod" else ())):
        if find_spec(module) is None:
            pytest.skip(f"needs {module}; `make horovod` builds Horovod")


def need_command(name: str, package: str) -> None:
    """Skip without a command; fail in CI, which installs its package."""
    if shutil.which(name) is None:
        message = f"needs {name}: apt-get install {package}"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)


class Run:
    """A command that starts ranks. A context: at its end, none of its processes is left."""

    def __init__(self, folder: Path, command: list[str], **environ: str) -> None:
        self._mark = f"{MARK}={uuid.uuid4().hex}"
        self._path = folder / "output"
        inherited = {name: text for name, text in os.environ.items() if not name.startswith(LAUNCHERS)}
        # With it, `print` writes a line in two parts, and those of several ranks would mix.
        inherited.pop("PYTHONUNBUFFERED", None)
        name, _, value = self._mark.partition("=")
        with self._path.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                env=inherited | {"PYTHONPATH": str(ROOT), name: value} | environ,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self.processes(), self.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.process.wait()

    @property
    def output(self) -> str:
        return self._path.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, text: str, times: int = 1, limit: float = 60) -> None:
        """Wait until the output has a text this many times."""
        end = time.monotonic() + limit
        while self.output.count(text) < times:
            assert time.monotonic() < end and self.process.poll() is None, f"no {text!r} in:\n{self.output}"
            time.sleep(0.05)

    def ended(self, limit: float = 90) -> int:
        """The exit code; fails if the command takes longer, or if processes are left a moment after its end."""
        try:
            code = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            pytest.fail(f"still running after {limit:.0f} s:\n{self.output}")
        end = time.monotonic() + 3
        while self.processes() and time.monotonic() < end:
            time.sleep(0.05)
        assert not self.processes(), f"left: {[read_proc(each, 'cmdline') for each in self.processes()]}"
        return code

    def processes(self, **variables: str) -> list[int]:
        """All processes of this run, or those with these variables in their environment."""
        wanted = {self._mark, *(f"{name}={value}" for name, value in variables.items())}
        return [
            number
            for number in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())
            if wanted <= set(read_proc(number, "environ").split("\0"))
        ]


def read_proc(process: int, what: str) -> str:
    try:
        return Path(f"/proc/{process}/{what}").read_text(encoding="utf-8", errors="replace")
    except OSError:  # it has ended
        return ""
