"""NVIDIA's driver, as far as a process asks it which GPUs there are: a library of the tests that has its name."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["install_driver"]

_COMPILER = shutil.which("gcc")
_CODE = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const int gpus[] = {%(gpus)s};
static int shown[16], count;

int cuInit(unsigned flags) {
  int code = %(start)s;
  const char *names = getenv("CUDA_VISIBLE_DEVICES");
  int all = sizeof gpus / sizeof *gpus;
  if (code) return code;
  count = 0;
  if (!names) while (count < all) { shown[count] = count; count++; }
  else while (*names) {
    char *end;
    int number = strtol(names, &end, 10);
    if (end == names || number < 0 || number >= all) break;
    shown[count++] = number;
    names = end + (*end == ',');
  }
  return count ? 0 : 100;
}
int cuDeviceGetCount(int *number) { *number = count; return 0; }
int cuDeviceGet(int *device, int number) { *device = number + 7; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  int capability = gpus[shown[device - 7]];
  *value = attribute == 75 ? capability / 10 : attribute == 76 ? capability %% 10 : -1;
  return 0;
}
int cuDeviceGetPCIBusId(char *text, int length, int device) {
  snprintf(text, length, "0000:A%%d:00.0", shown[device - 7]);
  return 0;
}
"""
"""A device of CUDA is a handle and not its number. 100 is CUDA_ERROR_NO_DEVICE, 75 and 76 are the two parts."""


def install_driver(folder: Path, patch: pytest.MonkeyPatch, *gpus: int, start: str = "0") -> None:
    """Have a driver with GPUs of these compute capabilities; skip the test without a C compiler.

    `start` is the C expression of what it answers when it is started. As the real one, it shows the GPUs that
    CUDA_VISIBLE_DEVICES names by numbers.
    """
    if _COMPILER is None:
        pytest.skip("there is no gcc to compile the driver of the tests with")
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "cuda.c"
    source.write_text(_CODE % {"gpus": ", ".join(map(str, gpus)) or "0", "start": start})
    # The compiler starts others, which a test may have taken from PATH.
    command = [_COMPILER, "-shared", "-fPIC", "-o", str(folder / "libcuda.so.1"), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=os.environ | {"PATH": os.defpath})
    patch.setenv("LD_LIBRARY_PATH", str(folder))
    patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
