"""Whether PyTorch, torchvision and the graphics driver are made for each other. Reads files; imports none of them."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from surgeon.doctor.finding import Finding, advice, broken, fine
from surgeon.doctor.versions import local_part, release

_VERSION = re.compile(r"^__version__\s*=\s*['\"]([^'\"]+)['\"]", re.MULTILINE)
_CUDA = re.compile(r"^cuda\b[^=\n]*=\s*(?:['\"]([^'\"]+)['\"]|None)", re.MULTILINE)
_KERNEL_MODULE = re.compile(r"Kernel Module\s+(?:for \S+\s+)?([\d.]+)")
_OLDEST_DRIVER = {11: (450, 80, 2), 12: (525, 60, 13), 13: (580,)}
"""By CUDA's major version: the oldest Linux driver that runs any of its minor versions, as NVIDIA's table has it."""

CHOOSER = "https://pytorch.org/get-started/locally"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """How a package was built: its version with the local part, and the CUDA it is for, if any."""

    version: str
    cuda: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """NVIDIA's driver and the card that it names, if any."""

    version: str
    card: str = ""


def builds() -> Iterator[Finding]:
    """How PyTorch and torchvision fit each other, and the driver."""
    torch = build_of("torch")
    if torch is None:
        return
    vision = build_of("torchvision")
    if vision is not None:
        yield from _pair(torch, vision)
    yield from _on_driver(torch, find_driver())


def build_of(package: str) -> Build | None:
    """What a package's ``version.py`` says; None where it is not installed or says nothing."""
    try:
        spec = importlib.util.find_spec(package)
        origin = None if spec is None else spec.origin
        text = "" if origin is None else (Path(origin).parent / "version.py").read_text(encoding="utf-8")
    except (OSError, ValueError, ImportError):
        return None
    version = _VERSION.search(text)
    cuda = _CUDA.search(text)
    return None if version is None else Build(version=version[1], cuda=cuda[1] if cuda else None)


def find_driver(proc: Path = Path("/proc/driver/nvidia/version")) -> Driver | None:
    """The driver that ``nvidia-smi`` or the kernel names; None where there is none."""
    tool = shutil.which("nvidia-smi")
    if tool is not None:
        query = [tool, "--query-gpu=driver_version,name", "--format=csv,noheader"]
        try:
            done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
        except (OSError, subprocess.TimeoutExpired):
            done = None
        if done is not None and done.returncode == 0 and done.stdout.strip():
            version, _, card = done.stdout.splitlines()[0].partition(",")
            return Driver(version=version.strip(), card=card.strip())
    try:
        found = _KERNEL_MODULE.search(proc.read_text(encoding="utf-8"))
    except OSError:
        return None
    return Driver(version=found[1]) if found else None


def _pair(torch: Build, vision: Build) -> Iterator[Finding]:
    ours, theirs = local_part(torch.version), local_part(vision.version)
    kinds = {_kind(part) for part in (ours, theirs) if part}
    if ours and theirs and ours != theirs and len(kinds) + (kinds == {"cuda"}) > 1:
        yield broken(
            "torchvision",
            f"{vision.version} is built for {_told(theirs)}, PyTorch {torch.version} for {_told(ours)}: operators such "
            "as NMS fail",
            "pip install --force-reinstall --no-deps "
            f'"torchvision=={vision.version.partition("+")[0]}" --index-url https://download.pytorch.org/whl/{ours}',
        )


def _on_driver(torch: Build, driver: Driver | None) -> Iterator[Finding]:
    card = f" ({driver.card})" if driver and driver.card else ""
    if torch.cuda is None:
        if driver is None:
            yield fine("cuda", f"PyTorch {torch.version} is a build for CPUs, and there is no NVIDIA driver")
        else:
            yield advice(
                "cuda",
                f"there is an NVIDIA driver {driver.version}{card}, but PyTorch {torch.version} is a build for CPUs",
                f"install a build with CUDA, see {CHOOSER}",
            )
        return
    if driver is None:
        yield fine("cuda", f"PyTorch is built for CUDA {torch.cuda}, there is no NVIDIA driver: it runs on the CPU")
        return
    have, major = release(driver.version), int(torch.cuda.partition(".")[0])
    oldest = _OLDEST_DRIVER.get(major)
    if have is not None and oldest is not None and have < oldest:
        needed = ".".join(map(str, oldest))
        yield broken(
            "cuda",
            f"the NVIDIA driver {driver.version}{card} is too old for CUDA {torch.cuda}, which PyTorch is built for; "
            f"it needs {needed}",
            f"update the driver, or install a PyTorch for an older CUDA, see {CHOOSER}",
        )
    else:
        yield fine("cuda", f"PyTorch for CUDA {torch.cuda}, NVIDIA driver {driver.version}{card}")


def _kind(part: str) -> str:
    return "cuda" if part.startswith("cu") else part


def _told(part: str) -> str:
    return "CPUs" if part == "cpu" else f"CUDA ({part})" if part.startswith("cu") else part
