from __future__ import annotations

from dali_ssd import __version__
from dali_ssd.machine.describe import describe_machine, versions


def test_a_machine_has_a_processor_cores_and_memory() -> None:
    machine = describe_machine()
    assert machine.cpu
    assert machine.cores >= 1
    assert machine.memory_gb > 0.1


def test_versions_name_the_distribution_or_say_that_it_is_missing() -> None:
    found = versions()
    assert found["dali_ssd"] == __version__
    assert found["numpy"].endswith("(numpy)")
    peers = {"mxnet", "gluoncv", "torch", "torchvision"}
    assert set(found) == {"dali_ssd", "python", "dali", "numpy", "numba", "opencv", *peers}
