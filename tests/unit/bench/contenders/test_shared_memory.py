from __future__ import annotations

import shutil

import pytest

from dali_ssd.bench.contenders.shared_memory import check_shared_memory
from dali_ssd.bench.work import Work
from dali_ssd.errors import ConfigError


def test_batches_of_all_workers_must_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    space = shutil.disk_usage("/dev/shm")
    one = 32 * (3 * 300**2 + 5 * 8732) * 4
    for batches, fits in ((5, True), (4, False)):
        free = space._replace(free=batches * one)
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: free)
        if fits:
            check_shared_memory(Work((), threads=2), 8732)
        else:
            with pytest.raises(ConfigError, match=r"need 200 MB in /dev/shm, which has 160 MB free; .* --shm-size 1g"):
                check_shared_memory(Work((), threads=2), 8732)
