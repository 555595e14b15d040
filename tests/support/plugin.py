"""Small plugins for the tests of what builds and loads them, and stand-ins for compilers that fail."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from dali_ssd.errors import DaliSsdError
from dali_ssd.plugin.sources import Dali, Sources, dali_here
from dali_ssd.plugin.toolkit import find_toolkit, require_host_compiler

__all__ = ["DALI", "NEEDED_TOOLS", "SCALE", "clean_path", "no_compiler", "operator", "quick", "script", "toolkit_for"]

DALI = Dali("2.4.0", 13, ("-I/somewhere", "-D_GLIBCXX_USE_CXX11_ABI=1"), ("-L/somewhere", "-ldali"))
NEEDED_TOOLS = ("sh", "sleep", "tail")
"""Programs that the stand-ins start."""
SCALE = 7

_OPERATOR = """
#include "dali/pipeline/operator/checkpointing/stateless_operator.h"
#include "dali/pipeline/operator/operator.h"
#include "scale.h"

namespace dali_ssd_test {

using namespace dali;  // which the macros below need

__global__ void Scale(const float *in, float *out, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) out[i] = in[i] * SCALE;
}

template <typename Backend>
class Scaling : public StatelessOperator<Backend> {
 public:
  using StatelessOperator<Backend>::StatelessOperator;

 protected:
  bool SetupImpl(std::vector<OutputDesc> &outputs, const Workspace &ws) override {
    outputs = {{ws.GetInputShape(0), DALI_FLOAT}};
    return true;
  }
  void RunImpl(Workspace &ws) override {
    auto &in = ws.Input<Backend>(0);
    auto &out = ws.Output<Backend>(0);
    for (int k = 0; k < in.num_samples(); k++) {
      int n = volume(in.tensor_shape(k));
      if constexpr (std::is_same_v<Backend, CPUBackend>)
        for (int i = 0; i < n; i++) out.template mutable_tensor<float>(k)[i] = in.template tensor<float>(k)[i] * SCALE;
      else
        Scale<<<1, 32, 0, ws.stream()>>>(in.template tensor<float>(k), out.template mutable_tensor<float>(k), n);
    }
  }
};

DALI_SCHEMA(DaliSsdTestScale).DocStr("scales").NumInput(1).NumOutput(1);
DALI_REGISTER_OPERATOR(DaliSsdTestScale, Scaling<CPUBackend>, CPU);
DALI_REGISTER_OPERATOR(DaliSsdTestScale, Scaling<GPUBackend>, GPU);

}
"""


def operator(folder: Path) -> Sources:
    """Write the sources of `fn.dali_ssd_test_scale`, which multiplies by `SCALE`. They take ten seconds to compile."""
    _write(folder, {"scale.cu": _OPERATOR, "scale.h": "#pragma once\n"})
    return Sources(folder, ("DaliSsdTestScale",), (("SCALE", SCALE),))


def quick(folder: Path, code: str = 'extern "C" int answer() { return ANSWER; }', units: int = 2) -> Sources:
    """Write sources without any operator, which take a second to compile."""
    _write(folder, {"first.cu": code} | {f"more{number}.cu": "" for number in range(units - 1)})
    return Sources(folder, (), (("ANSWER", 42),))


def script(path: Path, *lines: str) -> Path:
    """Write a program of the shell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


def toolkit_for(code: int) -> list[str]:
    """Return the lines of a script that answers as the nvcc of DALI's CUDA to what it is asked before it compiles."""
    answers = f"echo release {dali_here().cuda_major}.0; echo compute_{code}"
    return ['case "$1" in', f"--version | --list-gpu-arch) {answers}; exit;;", "esac"]


def clean_path(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Make a folder the whole PATH, which has what scripts need and no compiler, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NEEDED_TOOLS:
        (folder / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(folder))
    for variable in ("CUDA_HOME", "NVCC_CCBIN", "DALI_SSD_PLUGIN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("nvidia.__path__", [os.fspath(folder / "nvidia")])
    return folder


@cache
def no_compiler() -> str | None:
    """Why no plugin can be built here; None if one can."""
    try:
        find_toolkit(dali_here().cuda_major)
        require_host_compiler()
    except DaliSsdError as error:
        return str(error)
    return None


def _write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
