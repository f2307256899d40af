"""Machine, software and load: what a reader must know to judge a time. Reads only, changes nothing."""

from __future__ import annotations

import importlib.metadata
import platform

from surgeon.profiler.fingerprint.container import read_quota
from surgeon.profiler.fingerprint.cpu import affinity_of_this_process, cpu_name, read_cpu, usable_cpus
from surgeon.profiler.fingerprint.data import Environment, MachineState
from surgeon.profiler.fingerprint.gpu import opened_gpu
from surgeon.profiler.fingerprint.kernel import Kernel, this_kernel
from surgeon.profiler.fingerprint.software import read_software
from surgeon.profiler.fingerprint.state import load_average, read_state
from surgeon.profiler.timing.pressure import cpu_pressure_percent

__all__ = [
    "Environment",
    "gpu_name",
    "machine_state",
    "package_versions",
    "read_environment",
    "usable_cpus",
]

PACKAGES = (
    "torch",
    "torchvision",
    "ultralytics",
    "ultralytics-thop",
    "fvcore",
    "numpy",
    "onnxruntime",
    "openvino",
    "yolo-surgeon",
)


def read_environment(device: str, kernel: Kernel | None = None) -> Environment:
    """The environment at this moment.

    Args:
        device: The device of the measurement; its GPU is described, others are not.
        kernel: The machine, default the one that runs this.
    """
    kernel = this_kernel() if kernel is None else kernel
    quota = read_quota(kernel)
    with opened_gpu(gpu_uuid(device)) as gpu:
        gpu_facts = None if gpu is None else gpu.facts()
    return Environment(
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpu=cpu_name(kernel),
        cpus=usable_cpus(),
        gpu=gpu_name(device),
        packages=package_versions(),
        load_average=load_average(kernel),
        cpu_pressure=cpu_pressure_percent(kernel.proc),
        cpu_quota=quota.cpus,
        cgroup=quota.version,
        cpu_facts=read_cpu(kernel, affinity_of_this_process()),
        software=read_software(),
        gpu_facts=gpu_facts,
    )


def machine_state(device: str, kernel: Kernel | None = None) -> MachineState:
    """The state of this machine, and of the CUDA device where one is measured.

    Args:
        device: The device of the measurement.
        kernel: The machine, default the one that runs this.
    """
    with opened_gpu(gpu_uuid(device)) as gpu:
        gpu_state = None if gpu is None else gpu.state()
    return read_state(this_kernel() if kernel is None else kernel, affinity_of_this_process(), gpu_state)


def gpu_name(device: str) -> str | None:
    """Name of the CUDA device, None for any other."""
    if not device.startswith("cuda"):
        return None
    import torch

    return torch.cuda.get_device_name(device) if torch.cuda.is_available() else None


def gpu_uuid(device: str) -> str | None:
    """UUID of the CUDA device as NVML spells it, None for any other device and where PyTorch does not tell it."""
    if not device.startswith("cuda"):
        return None
    import torch

    if not torch.cuda.is_available():
        return None
    uuid = getattr(torch.cuda.get_device_properties(torch.device(device)), "uuid", None)
    return None if uuid is None else f"GPU-{uuid}"


def package_versions() -> dict[str, str]:
    """Installed versions of the packages that a result depends on."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
