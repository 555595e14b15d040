"""The machine and the versions of libraries, as a section of a page."""

from __future__ import annotations

import socket

from dali_ssd.machine.describe import describe_machine, versions
from dali_ssd.pages.elements import Facts
from dali_ssd.pages.page import Section
from dali_ssd.util.words import counted

__all__ = ["machine_section"]

_NAMES = {
    "python": "Python", "dali": "DALI", "mxnet": "MXNet", "gluoncv": "GluonCV", "torch": "PyTorch", "numpy": "NumPy",
    "numba": "Numba", "opencv": "OpenCV",
}  # fmt: skip
"""Of libraries that people write in another way."""


def machine_section() -> Section:
    """Return what this machine is, and the versions of this package, of Python and of the libraries it has."""
    machine = describe_machine()
    facts = [
        ("Host", socket.gethostname()),
        ("System", machine.system),
        ("Processor", f"{machine.cpu}, {counted(machine.cores, 'core')} for this run"),
        ("Memory", f"{machine.memory_gb:.0f} GB"),
        *(("GPU and driver", gpu) for gpu in machine.gpus or ["none"]),
        *((_NAMES.get(name, name), version) for name, version in versions().items() if version != "not installed"),
    ]
    return Section("Machine and versions", [Facts(facts)])
