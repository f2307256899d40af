"""PyTorch's build as recorded texts and as it is here; which variables of an environment are kept."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from surgeon.profiler.environment import machine_state, read_environment
from surgeon.profiler.fingerprint.software import (
    build_lines,
    cudnn_version,
    libraries,
    read_software,
    speed_variables,
)

LINUX = """PyTorch built with:
  - GCC 13.3
  - Intel(R) oneAPI Math Kernel Library Version 2024.2-Product Build 20240605 for Intel(R) 64 architecture applications
  - Intel(R) MKL-DNN v3.13.3 (Git Hash b38f97eb6f2173513112f15a0481750b8a66e901)
  - OpenMP 201511 (a.k.a. OpenMP 4.5)
  - CPU capability usage: AVX512
  - Build settings: BLAS_INFO=mkl, CUDA_FLAGS= -DX -Y=1, CUDA_VERSION=13.2, CXX_FLAGS= -D_GLIBCXX -O2, USE_MKL=ON,
"""
MACOS = """PyTorch built with:
  - GCC 4.2
  - clang 15.0.0
  - OpenMP 201811 (a.k.a. OpenMP 5.0)
  - CPU capability usage: DEFAULT
  - Build settings: BLAS_INFO=accelerate, USE_MKL=OFF,
"""


def test_libraries_of_a_build() -> None:
    assert libraries(LINUX) == {
        "mkl": "2024.2-Product", "onednn": "3.13.3", "openmp": "OpenMP 201511 (a.k.a. OpenMP 4.5)",
        "capability": "AVX512", "blas": "mkl",
    }  # fmt: skip
    assert libraries(MACOS) == {
        "openmp": "OpenMP 201811 (a.k.a. OpenMP 5.0)", "capability": "DEFAULT", "blas": "accelerate",
    }  # fmt: skip
    assert libraries("") == {}


def test_compiler_flags_are_left_out() -> None:
    assert build_lines(LINUX)[0] == "GCC 13.3"
    assert build_lines(LINUX)[-1] == "Build settings: BLAS_INFO=mkl, CUDA_VERSION=13.2, USE_MKL=ON"
    assert "_FLAGS=" not in " ".join(build_lines(torch.__config__.show()))


@pytest.mark.parametrize(("number", "version"), [(92600, "9.26.0"), (90100, "9.1.0"), (8902, "8.9.2")])
def test_cudnn_version(number: int, version: str) -> None:
    assert cudnn_version(number) == version


def test_only_variables_of_speed_are_kept() -> None:
    environ = {"OMP_NUM_THREADS": "8", "KMP_BLOCKTIME": "0", "API_TOKEN": "secret", "LD_PRELOAD": "x", "HOME": "/h"}
    assert speed_variables(environ) == {"KMP_BLOCKTIME": "0", "LD_PRELOAD": "x", "OMP_NUM_THREADS": "8"}


def test_software_of_this_process() -> None:
    torch.backends.cudnn.benchmark = True
    try:
        found = read_software({"MKL_NUM_THREADS": "1"})
    finally:
        torch.backends.cudnn.benchmark = False
    assert found.cudnn_benchmark is True
    assert found.threads == torch.get_num_threads()
    assert found.variables == {"MKL_NUM_THREADS": "1"}
    assert found.matmul_precision == "highest"


def test_this_machine_is_read_whole() -> None:
    found, state = read_environment("cpu"), machine_state("cpu")
    assert found.cpu_facts is not None and found.software is not None and found.gpu_facts is None
    assert found.before is None and found.after is None
    assert machine_state("cpu").clock_s >= state.clock_s
    assert (state.own_s or 0) > 0


def test_a_saved_result_opens_without_torch() -> None:
    modules = ("data", "elapsed", "hazards", "notes", "cpu", "container", "state", "gpu", "kernel", "software")
    imports = ", ".join(f"surgeon.profiler.fingerprint.{name}" for name in modules)
    code = f"import json, sys, {imports}; print(json.dumps('torch' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) is False
