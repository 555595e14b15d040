"""Small plugins for the tests of what builds and loads them, and stand-ins for compilers that fail."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from dali_ssd.errors import DaliSsdError
from dali_ssd.plugin.sources import Dali, Sources, dali_here
from dali_ssd.plugin.toolkit import find_host_compiler, find_toolkit

__all__ = [
    "DALI",
    "NEEDED_TOOLS",
    "SCALE",
    "clean_path",
    "failing",
    "need_compiler",
    "no_compiler",
    "operator",
    "own_cache",
    "put",
    "quick",
    "script",
    "start_building",
    "toolkit_for",
]

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

_BUILD = """
import signal, sys
from pathlib import Path
from dali_ssd.plugin.build import build_plugin
from dali_ssd.plugin.options import BuildPluginConfig
from dali_ssd.plugin.sources import Sources
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's jobs in the background ignore
print(build_plugin(BuildPluginConfig("90"), Sources(Path(sys.argv[1]), (), (("ANSWER", 42), ("SCALE", 7)))).path)
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


def own_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have a cache in this folder, and return the folder of plugins there. There is no other."""
    monkeypatch.delenv("DALI_SSD_PLUGIN", raising=False)
    monkeypatch.setenv("DALI_SSD_CACHE", str(folder / "cache"))
    return folder / "cache" / "plugin"


def put(folder: Path, sources: Sources, tag: str = "90") -> Path:
    """Write an empty file with the name of a plugin."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{sources.key(dali_here())}-{tag}.so"
    path.touch()
    return path


def failing(monkeypatch: pytest.MonkeyPatch, folder: Path, *lines: str, code: int = 90) -> None:
    """Have a toolkit that knows this capability, and does this when it compiles."""
    path = clean_path(monkeypatch, folder)
    script(path / "g++", "echo 12")
    script(path / "nvcc", *toolkit_for(code), *lines)


def start_building(sources: Sources) -> subprocess.Popen[str]:
    """Start a process that builds for 90."""
    command = [sys.executable, "-c", _BUILD, str(sources.folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def clean_path(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Make a folder the whole PATH, which has what scripts need and no compiler, and return it. Hide the GPUs."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NEEDED_TOOLS:
        (folder / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    for variable in ("CUDA_HOME", "NVCC_CCBIN", "DALI_SSD_PLUGIN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("nvidia.__path__", [os.fspath(folder / "nvidia")])
    return folder


@cache
def no_compiler(nvcc: bool = True) -> str | None:
    """Why the sources cannot be compiled here, by nvcc or by g++ alone; None if they can."""
    try:
        find_host_compiler()
        if nvcc:
            find_toolkit(dali_here().cuda_major)
    except DaliSsdError as error:
        return str(error)
    return None


def need_compiler(nvcc: bool = True) -> None:
    """Skip the test without a compiler; fail it in CI, which would else be green without having tested the plugin."""
    if reason := no_compiler(nvcc):
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


def _write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
