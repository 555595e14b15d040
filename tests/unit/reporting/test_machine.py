from __future__ import annotations

import platform

from dali_ssd import __version__
from dali_ssd.pages.elements import Facts
from dali_ssd.reporting.machine import machine_section


def test_the_machine_and_what_is_installed() -> None:
    section = machine_section()
    (facts,) = section.elements
    assert isinstance(facts, Facts)
    values = dict(facts.rows)
    assert (values["dali_ssd"], values["Python"]) == (__version__, platform.python_version())
    assert {"Host", "System", "Processor", "Memory", "GPU and driver", "NumPy"} <= set(values)
    assert all(values.values()) and "not installed" not in values.values()
