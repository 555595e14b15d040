"""`dali-ssd train` for the tests of killed trainings: `python -m tests.end_to_end.recorded_train LOG SECONDS ARGS...`.

Writes each batch's epoch, number and check sum into LOG, and takes SECONDS longer for each array of a checkpoint, so
that there is time to be killed in the middle of one.
"""

from __future__ import annotations

import sys
import time
import zlib
from typing import IO, Any

import numpy as np

from dali_ssd.cli.main import main
from dali_ssd.gluon.checkpoint import file as checkpoint
from dali_ssd.loader import TrainLoader

_next, _write_array = TrainLoader._next, checkpoint._write_array


def _record(log: IO[str]) -> None:
    def recorded(self: TrainLoader) -> Any:
        batch = _next(self)
        content = b"".join(array.asnumpy().tobytes() for part in batch for array in part)
        print(self.epoch, self._batch, zlib.crc32(content), file=log, flush=True)
        return batch

    TrainLoader._next = recorded  # type: ignore[method-assign]


def _slow_down(seconds: float) -> None:
    def slowly(entry: IO[bytes], array: np.ndarray[Any, Any]) -> None:
        _write_array(entry, array)
        time.sleep(seconds)

    checkpoint._write_array = slowly


if __name__ == "__main__":
    with open(sys.argv[1], "a") as log:
        _record(log)
        _slow_down(float(sys.argv[2]))
        sys.exit(main(sys.argv[3:]))
