"""An `nvidia-smi` of the tests that answers as the real one does, from a table."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

__all__ = ["gpu", "install_smi"]

_SCRIPT = f"""#!{sys.executable}
import json, sys
table = json.loads({{table!r}})
options = dict(option.partition("=")[::2] for option in sys.argv[1:])
if "--help-query-gpu" in options:
    print("\\n".join(f'"{{{{name}}}}"' for name in table["known"]))
    sys.exit(0)
names = options["--query-gpu"].split(",")
unknown = [name for name in names if name not in table["known"]]
if unknown or table["fails"]:
    print(table["fails"] or f'Field "{{{{unknown[0]}}}}" is not a valid field to query.')
    sys.exit(9)
for row in table["rows"]:
    print(", ".join(row.get(name, "[N/A]") for name in names))
"""
_BASE = ("index", "uuid", "name", "memory.total", "driver_version", "pci.bus_id", "utilization.gpu", "memory.used")


def gpu(number: int, **readings: str) -> dict[str, str]:
    """A row of the table; readings are named with `_` in place of the dot."""
    known = {
        "index": str(number),
        "uuid": f"GPU-{number}{number}aa",
        "name": f"NVIDIA {'AB'[number % 2]}",
        "memory.total": "81559",
        "driver_version": "580.1",
        "pci.bus_id": f"00000000:0{number}:00.0",
        "utilization.gpu": "50",
        "memory.used": "100",
    }
    return known | {name.replace("_", "."): value for name, value in readings.items()}


def install_smi(
    folder: Path,
    patch: pytest.MonkeyPatch,
    rows: Sequence[dict[str, str]],
    engines: Sequence[str] = ("utilization.decoder", "utilization.jpeg"),
    fails: str = "",
) -> None:
    """Put the tool first on PATH, which knows these `engines` beside the usual fields."""
    from dali_ssd.machine import gpu as module

    table = {"rows": list(rows), "known": [*_BASE, *engines], "fails": fails}
    tool = folder / "nvidia-smi"
    tool.write_text(_SCRIPT.format(table=json.dumps(table)))
    tool.chmod(0o755)
    patch.setenv("PATH", str(folder))
    patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    # This tool may be another than that which the process knows.
    patch.setattr(module, "_engines", {})
