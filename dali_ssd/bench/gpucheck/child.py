"""The process that checks one device; see `bench.measuring.process`.

Its result gets a line of JSON after each check, so that those before a crash are kept.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from dali_ssd.bench.gpucheck.checks import CHECKS, CUDA, PLUGIN, Check, CheckResult, check_cuda, run_check
from dali_ssd.bench.gpucheck.sample import Sample
from dali_ssd.bench.measuring.process import in_one_line, serve
from dali_ssd.graph.where import Where
from dali_ssd.loader.placement import decodes_whole_images
from dali_ssd.plugin import plugin_loaded, prepare_plugin

__all__ = ["CheckRequest", "main"]


@dataclass(frozen=True)
class CheckRequest:
    """The checks of one device."""

    sample: Sample
    device: Literal["cpu", "gpu"]
    names: tuple[str, ...]
    """Of the checks, in this order."""

    @classmethod
    def read(cls, path: Path) -> CheckRequest:
        """Read a request that was written as JSON from `asdict`."""
        fields = json.loads(path.read_text())
        return cls(Sample(**fields["sample"]), fields["device"], tuple(fields["names"]))


def main(request: Path, results: Path) -> int:
    """Run the checks up to the first that raises an error, and append a line for each."""
    asked = CheckRequest.read(request)
    for name, check in _checks(asked):
        result, raised = _tried(name, check)
        if name in asked.names:
            with results.open("a") as file:
                file.write(json.dumps(asdict(result)) + "\n")
        if (raised and name != PLUGIN) or (name == CUDA and result.problem):
            break  # without the plugin, those that follow say that they were not checked
    return 0


def _checks(asked: CheckRequest) -> Iterator[tuple[str, Callable[[], CheckResult]]]:
    """Yield the checks with their names. On a GPU all need the plugin, whether its own check is asked for or not."""
    if CUDA in asked.names:
        yield CUDA, check_cuda
    if asked.device == "gpu":
        yield PLUGIN, _load_plugin
    for name in asked.names:
        if name in CHECKS:
            yield name, partial(_compared, CHECKS[name], asked)


def _compared(check: Check, asked: CheckRequest) -> CheckResult:
    if asked.device == "gpu" and not plugin_loaded():
        return CheckResult(check.name, "there is no plugin to check", made=False)
    on_gpu = asked.device == "gpu"
    return run_check(check, asked.sample, Where(asked.device, plugin=on_gpu, whole=on_gpu and decodes_whole_images()))


def _load_plugin() -> CheckResult:
    prepare_plugin()
    return CheckResult(PLUGIN)


def _tried(name: str, check: Callable[[], CheckResult]) -> tuple[CheckResult, bool]:
    """Return the result of a check, and whether it raised an error, which then is its problem."""
    try:
        return check(), False
    except Exception as error:
        traceback.print_exc()
        return CheckResult(name, in_one_line(error)), True


if __name__ == "__main__":
    serve(main)
