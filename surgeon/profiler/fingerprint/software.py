"""PyTorch's build and switches, and the variables that change speed. Imports torch where it is asked for it only."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from surgeon.profiler.fingerprint.data import SoftwareFacts

_PREFIXES = ("OMP_", "KMP_", "GOMP_", "MKL_", "OPENBLAS_", "BLIS_", "VECLIB_", "DNNL_", "ONEDNN_", "ATEN_", "CUBLAS_")
_NAMES = (
    "CUDA_LAUNCH_BLOCKING",
    "CUDA_MODULE_LOADING",
    "CUDA_VISIBLE_DEVICES",
    "LD_PRELOAD",
    "MALLOC_ARENA_MAX",
    "NVIDIA_TF32_OVERRIDE",
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
    "PYTORCH_NVML_BASED_CUDA_CHECK",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)
_FLAGS = re.compile(r" (?:CXX_FLAGS|CUDA_FLAGS)=.*?, (?=[A-Z_]+=)")
_LIBRARIES = {
    "mkl": re.compile(r"Math Kernel Library Version (\S+)"),
    "onednn": re.compile(r"MKL-DNN v(\S+)"),
    "openmp": re.compile(r"(OpenMP \d+(?: \(a\.k\.a\. [^)]+\))?)"),
    "capability": re.compile(r"CPU capability usage: (\S+)"),
    "blas": re.compile(r"BLAS_INFO=([^,\s]+)"),
}

T = TypeVar("T")


def read_software(environ: Mapping[str, str] | None = None) -> SoftwareFacts:
    """How PyTorch is set up in this process.

    Args:
        environ: Environment variables, default this process's.
    """
    import torch

    build = torch.__config__.show()
    found = libraries(build)
    cudnn = _ask(torch.backends.cudnn.version)
    return SoftwareFacts(
        build=build_lines(build),
        capability=_ask(torch.backends.cpu.get_cpu_capability) or found.get("capability"),
        blas=found.get("blas"),
        mkl=found.get("mkl"),
        onednn=found.get("onednn"),
        openmp=found.get("openmp"),
        cuda=torch.version.cuda,
        cudnn=None if cudnn is None else cudnn_version(cudnn),
        threads=torch.get_num_threads(),
        interop_threads=torch.get_num_interop_threads(),
        variables=speed_variables(os.environ if environ is None else environ),
        onednn_enabled=_ask(lambda: bool(torch.backends.mkldnn.enabled)),
        cudnn_benchmark=_ask(lambda: bool(torch.backends.cudnn.benchmark)),
        cudnn_deterministic=_ask(lambda: bool(torch.backends.cudnn.deterministic)),
        tf32_matmul=_ask(lambda: bool(torch.backends.cuda.matmul.allow_tf32)),
        tf32_cudnn=_ask(lambda: bool(torch.backends.cudnn.allow_tf32)),
        matmul_precision=_ask(torch.get_float32_matmul_precision),
        deterministic=_ask(torch.are_deterministic_algorithms_enabled),
    )


def libraries(build: str) -> dict[str, str]:
    """Versions of the libraries that ``torch.__config__.show()`` names; what it does not name is left out."""
    found = {name: pattern.search(build) for name, pattern in _LIBRARIES.items()}
    return {name: match[1] for name, match in found.items() if match is not None}


def cudnn_version(number: int) -> str:
    """``92600`` is 9.26.0; before version 9 the digits stood closer, ``8902`` was 8.9.2."""
    major, rest = divmod(number, 10000 if number >= 90000 else 1000)
    return f"{major}.{rest // 100}.{rest % 100}"


def build_lines(build: str) -> tuple[str, ...]:
    """The lines of ``torch.__config__.show()`` without their bullets and without compiler flags."""
    lines = (line.strip().removeprefix("- ").rstrip(", ") for line in build.splitlines()[1:])
    return tuple(_FLAGS.sub(" ", line) for line in lines if line)


def speed_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of an environment that change how fast PyTorch runs; no others, for they may hold secrets."""
    return {name: environ[name] for name in sorted(environ) if name.startswith(_PREFIXES) or name in _NAMES}


def _ask(question: Callable[[], T]) -> T | None:
    """An answer that some versions of PyTorch refuse (mixed TF32 switches) or do not know."""
    with contextlib.suppress(AttributeError, RuntimeError):
        return question()
    return None
