"""Each thing that doctor looks for, simulated."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from surgeon.doctor import builds as doctor_builds
from surgeon.doctor import trial
from surgeon.doctor.builds import Driver, builds, find_driver
from surgeon.doctor.folders import folders, settings_folder
from surgeon.doctor.packages import clashes, extras, hidden, needed, overwritten
from surgeon.doctor.trial import imports
from surgeon.doctor.versions import release, requirement, satisfies

REQUIRES = (
    "ultralytics>=8.4.0,<8.5",
    "numpy>=1.26,<3",
    "gone-for-good>=1",
    'tomli>=2; python_version < "3.11"',
    "onnx>=1.17; extra == 'onnx'",
    'nowhere-to-be-found>=3 ; extra == "nvidia"',
    "yolo-surgeon[onnx]; extra == 'all'",
    "pytest; extra == 'dev'",
)


def test_what_is_needed(site, said: Callable) -> None:
    site.distribution("yolo-surgeon", "0.1.0", REQUIRES)
    site.distribution("ultralytics", "8.3.9")
    found = said(needed())
    assert found["ultralytics"] == (
        "broken",
        "8.3.9 is outside the range that surgeon was tried with, >=8.4.0,<8.5",
        'pip install "ultralytics>=8.4.0,<8.5"',
    )
    assert found["gone-for-good"][::2] == ("broken", 'pip install "gone-for-good>=1"')
    assert found["numpy"][0] == "fine"
    assert set(found) == {"ultralytics", "numpy", "gone-for-good"}  # no extras, nothing for another Python
    site.distribution("ultralytics", "8.5.0")
    (site.folder / "ultralytics-8.3.9.dist-info" / "METADATA").write_text("Name: ultralytics\nVersion: 8.5.0\n")
    assert said(needed())["ultralytics"][0] == "broken"


def test_a_checkout_that_is_not_installed(said: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("surgeon.doctor.packages.OURS", "no-such-distribution")
    (only,) = needed()
    assert only.level.value == "advice"
    assert "is not installed" in only.text


def test_optional_parts(site, said: Callable) -> None:
    site.distribution("yolo-surgeon", "0.1.0", REQUIRES)
    site.distribution("onnx", "1.18.0")
    assert said(extras()) == {
        "[onnx]": ("fine", "optional, installed", ""),
        "[nvidia]": ("advice", "optional, without nowhere-to-be-found>=3", 'pip install "yolo-surgeon[nvidia]"'),
        "[all]": ("fine", "optional, installed", ""),
    }


def test_the_thop_trap(site, said: Callable) -> None:
    assert "module thop" not in said(clashes())
    site.distribution("ultralytics-thop", "2.0.18", modules={"thop": "ours = 1\n"})
    assert said([*clashes(), *overwritten("ultralytics-thop", "thop")]) == {}
    site.distribution("thop", "0.1.1", modules={"thop": "theirs = 1\n"})
    found = said(clashes())["module thop"]
    assert found[0] == "broken"
    assert found[1].startswith("written by thop and ultralytics-thop; PyPI's thop is another project")
    assert found[2] == "pip uninstall -y thop && pip install --force-reinstall --no-deps ultralytics-thop"
    (changed,) = overwritten("ultralytics-thop", "thop")
    assert (changed.level.value, changed.subject) == ("broken", "module thop")
    (site.folder / "thop" / "__init__.py").unlink()  # what pip leaves after uninstalling the other one
    assert "thop/__init__.py is another file or gone" in next(overwritten("ultralytics-thop", "thop")).text
    assert list(overwritten("no-such-distribution", "thop")) == []


def test_only_the_wrong_thop(said: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.packages_distributions", lambda: {"thop": ["thop"], "surgeon": ["surgeon"]})
    found = said(clashes())
    assert found["module thop"][0] == found["module surgeon"][0] == "broken"
    assert "a stranger's project" in found["module surgeon"][1]
    assert found["module surgeon"][2] == (
        "pip uninstall -y surgeon && pip install --force-reinstall --no-deps yolo-surgeon"
    )


def test_two_opencvs(said: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    owners = {"cv2": ["opencv-python", "opencv_python_headless", "opencv-python"], "thop": ["ultralytics_thop"]}
    monkeypatch.setattr("importlib.metadata.packages_distributions", lambda: owners)
    assert said(clashes()) == {
        "module cv2": (
            "advice",
            "written by opencv-python and opencv-python-headless, which overwrite each other",
            "pip uninstall -y opencv-python-headless && pip install --force-reinstall --no-deps opencv-python",
        )
    }


CPU, CU126, CU132 = "__version__ = '2.15.0+cpu'\ncuda = None\n", "2.10.0+cu126", "2.15.0+cu132"


def torch_for(cuda: str, version: str = CU132) -> str:
    return f"from typing import Optional\n__version__ = '{version}'\ncuda: Optional[str] = '{cuda}'\n"


@pytest.mark.parametrize(("torch", "driver", "level", "text"), [
    (CPU, None, "fine", "is a build for CPUs, and there is no NVIDIA driver"),
    (CPU, Driver(version="580.65.06", card="T4"), "advice", "an NVIDIA driver 580.65.06 (T4), but PyTorch 2.15.0+cpu"),
    (torch_for("13.2"), None, "fine", "there is no NVIDIA driver: it runs on the CPU"),
    (torch_for("13.2"), Driver(version="580.65.06"), "fine", "PyTorch for CUDA 13.2, NVIDIA driver 580.65.06"),
    (torch_for("13.2"), Driver(version="550.54"), "broken", "550.54 is too old for CUDA 13.2, which PyTorch is built"),
    (torch_for("12.6"), Driver(version="525.60.13"), "fine", "CUDA 12.6"),
    (torch_for("12.6"), Driver(version="525.60.12"), "broken", "it needs 525.60.13"),
    (torch_for("99.0"), Driver(version="1.0"), "fine", "CUDA 99.0"),
    (torch_for("12.6"), Driver(version="unknown"), "fine", "unknown"),
])  # fmt: skip
def test_cuda(site, said: Callable, monkeypatch: pytest.MonkeyPatch, torch: str, driver, level: str, text: str) -> None:
    site.package("torch", version=torch)
    site.package("torchvision")
    monkeypatch.setattr(doctor_builds, "find_driver", lambda: driver)
    for name in ("torch", "torchvision"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    found = said(builds())
    assert set(found) == {"cuda"}
    assert found["cuda"][0] == level
    assert text in found["cuda"][1]
    assert bool(found["cuda"][2]) == (level != "fine")


@pytest.mark.parametrize(("torch", "vision", "is_broken"), [
    ("2.15.0+cpu", "0.29.2+cpu", False),
    ("2.15.0+cpu", "0.29.2+cu132", True),
    ("2.15.0+cu132", "0.29.2+cpu", True),
    ("2.15.0+cu126", "0.29.2+cu132", True),
    ("2.15.0+cu132", "0.29.2+cu132", False),
    ("2.15.0", "0.29.2+cpu", False),  # from PyPI; what it is for is not said
])  # fmt: skip
def test_torchvision_of_another_build(
    site, said: Callable, monkeypatch: pytest.MonkeyPatch, torch: str, vision: str, is_broken: bool
) -> None:
    site.package("torch", version=f"__version__ = '{torch}'\ncuda = None\n")
    site.package("torchvision", version=f"__version__ = '{vision}'\n")
    monkeypatch.setattr(doctor_builds, "find_driver", lambda: None)
    for name in ("torch", "torchvision"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    found = said(builds())
    assert ("torchvision" in found) == is_broken
    if is_broken:
        assert found["torchvision"][2].endswith(f"https://download.pytorch.org/whl/{torch.partition('+')[2]}")


def test_the_driver_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proc = tmp_path / "version"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_driver(proc) is None
    proc.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22\nGCC version: 12\n")
    assert find_driver(proc) == Driver(version="550.54.14")
    proc.write_text("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release\n")
    assert find_driver(proc) == Driver(version="580.65.06")
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho '570.1, NVIDIA H100'\necho '570.1, NVIDIA H100'\n")
    tool.chmod(0o755)
    assert find_driver(proc) == Driver(version="570.1", card="NVIDIA H100")
    tool.write_text("#!/bin/sh\necho 'driver/library version mismatch'; exit 18\n")
    assert find_driver(proc) == Driver(version="580.65.06")


def test_folders(tmp_path: Path, said: Callable) -> None:
    found = said(folders(tmp_path, {"YOLO_CONFIG_DIR": str(tmp_path / "new" / "one")}))
    assert [level for level, *_ in found.values()] == ["fine", "fine"]
    assert list(tmp_path.iterdir()) == []  # looked at, not made
    (tmp_path / "file").touch()
    found = said(folders(tmp_path / "gone", {"YOLO_CONFIG_DIR": str(tmp_path / "file")}))
    assert found["working directory"][::2] == ("advice", "cd into a folder of your own, or give --out FILE.pt")
    assert found["Ultralytics' settings"][::2] == ("advice", "export YOLO_CONFIG_DIR=/a/folder/of/yours")


def test_settings_are_where_ultralytics_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ultralytics.utils import get_user_config_dir

    for name in ("YOLO_CONFIG_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings_folder({}) == get_user_config_dir()
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path / "here"))
    assert settings_folder({"YOLO_CONFIG_DIR": str(tmp_path / "here")}) == get_user_config_dir()


def test_what_a_working_directory_hides(tmp_path: Path, said: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ultralytics").mkdir()
    assert said(hidden(tmp_path)) == {}  # a folder of results is no package
    (tmp_path / "ultralytics" / "__init__.py").touch()
    (tmp_path / "torch.py").touch()
    assert [(subject, level) for subject, (level, *_) in said(hidden(tmp_path)).items()] == [
        ("./torch.py", "advice"),
        ("./ultralytics", "advice"),
    ]
    monkeypatch.syspath_prepend(str(tmp_path))
    assert said(hidden(tmp_path)) == {}


def test_imports_that_fail_crash_and_work(site, said: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    site.package("torch", init="raise ImportError('libcudart.so.13: cannot open shared object file')\n")
    site.package("torchvision", init="import os, signal\nprint('x' * 9)\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    site.package("thop", init="__version__ = '2.0'\ndef profile(): ...\n")
    site.package("ultralytics", init="import os\nos._exit(0)\n")
    site.package("psutil", init="import of_something_that_is_gone\n")
    monkeypatch.setenv("PYTHONPATH", str(site.folder))
    monkeypatch.setitem(trial._PROBES, "not_there_at_all", "import not_there_at_all")
    found = said(imports())
    assert "import not_there_at_all" not in found  # a package that is missing is told once
    assert [found[f"import {name}"][0] for name in ("numpy", "networkx", "rich", "yaml")] == ["fine"] * 4
    assert found["import psutil"][::2] == ("broken", "pip install --force-reinstall psutil")
    assert found["import torch"][:2] == (
        "broken",
        "ImportError: libcudart.so.13: cannot open shared object file",
    )
    assert found["import torchvision"][0] == "broken"  # it imports torch, which fails first
    assert found["import thop"] == ("fine", "2.0 works", "")
    assert found["import ultralytics"][:2] == ("broken", "the process ended early")
    site.package("torch", init="__version__ = '9'\nclass ones:\n  def __init__(self, n): ...\n  sum = lambda s: 0\n"
                 "class cuda:\n  is_available = lambda: True\n  get_device_name = lambda i: 'T4'\n")  # fmt: skip
    found = said(imports())
    assert found["import torch"] == ("fine", "9 works, GPU T4", "")
    assert found["import torchvision"][:2] == ("broken", "the process ended by signal 11")
    assert found["import thop"][0] == "fine"


@pytest.mark.parametrize(("version", "bounds", "inside"), [
    ("8.4.190", ">=8.4.0,<8.5", True),
    ("8.5", ">=8.4.0,<8.5", False),
    ("8.5.0a1", "<8.5", False),  # a development build of 8.5 is 8.5
    ("2.15.0+cu132", "==2.15.0", True),
    ("2.15.0", "==2.15.*", True),
    ("2.16.0", "==2.15.*", False),
    ("2.15.3", "~=2.15", True),
    ("3.0", "~=2.15", False),
    ("2.15.3", "~=2.15.1", True),
    ("2.16.0", "~=2.15.1", False),
    ("1.0", "!=1.0", False),
    ("1.0.0", "==1", True),
    ("weird", ">=1", True),
    ("1.0", "", True),
])  # fmt: skip
def test_ranges(version: str, bounds: str, inside: bool) -> None:
    assert satisfies(version, bounds) is inside
    if release(version) is not None and "a" not in version:
        from packaging.specifiers import SpecifierSet

        assert SpecifierSet(bounds).contains(version, prereleases=True) is inside


def test_requirements_as_every_backend_writes_them() -> None:
    one = requirement("torch (>=2.6) ; extra == 'a' and python_version >= '3.9'")
    assert one is not None
    assert (one.name, one.bounds, one.extra, one.conditional) == ("torch", ">=2.6", "a", True)
    assert requirement("x[y,z]>=1").extras == ("y", "z")
    assert str(requirement("x @ https://example.com/x.whl")) == "x"
    assert requirement("") is None
