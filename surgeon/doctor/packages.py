"""Which distributions are installed: what surgeon needs, what it can use, and who else writes the same modules."""

from __future__ import annotations

import hashlib
import re
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from surgeon.doctor.finding import Finding, advice, broken, fine
from surgeon.doctor.versions import Requirement, requirement, satisfies

OURS = "yolo-surgeon"
_DEVELOPERS = "dev"
_RIGHTFUL: Mapping[str, tuple[str, ...]] = {
    "thop": ("ultralytics-thop",),
    "surgeon": (OURS,),
    "yolo_surgeon": (OURS,),
    "ultralytics": ("ultralytics", "ultralytics-opencv-headless"),
    "cv2": ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"),
}
"""Modules that several distributions on PyPI write, and whose they should be."""

_TRAPS = {
    "thop": "PyPI's thop is another project, whose figures leave out attention; whichever came last is in force",
    "surgeon": "PyPI's surgeon is a stranger's project that overwrites this one",
}


def needed() -> Iterator[Finding]:
    """Everything that surgeon declares to need, in the range that was tried."""
    declared = _declared()
    if declared is None:
        yield advice(
            OURS,
            "runs from a folder and is not installed, so that nothing is known of what it needs",
            f"pip install {OURS}",
        )
        return
    for one in declared:
        if not one.extra and not one.conditional:
            yield _installed(one)


def extras() -> Iterator[Finding]:
    """Optional parts, and what is missing of them."""
    declared = _declared() or ()
    for name in dict.fromkeys(one.extra for one in declared if one.extra and one.extra != _DEVELOPERS):
        wanted = [one for one in declared if one.extra == name and not one.conditional]
        missing = [str(one) for one in wanted if not _has(one)]
        if missing:
            yield advice(f"[{name}]", f"optional, without {', '.join(missing)}", f'pip install "{OURS}[{name}]"')
        else:
            yield fine(f"[{name}]", "optional, installed")


def clashes() -> Iterator[Finding]:
    """Modules that more than one distribution writes, or the wrong one."""
    owners = metadata.packages_distributions()
    for module, rightful in _RIGHTFUL.items():
        found = sorted({_canonical(name) for name in owners.get(module, ())})
        strangers = [name for name in found if name not in rightful]
        own = next((name for name in found if name in rightful), rightful[0])
        if strangers:
            again = f"pip install --force-reinstall --no-deps {own}"
            yield broken(
                f"module {module}",
                f"written by {' and '.join(found)}; {_TRAPS.get(module, 'they overwrite each other')}",
                f"pip uninstall -y {' '.join(strangers)} && {again}",
            )
        elif len(found) > 1:
            yield advice(
                f"module {module}",
                f"written by {' and '.join(found)}, which overwrite each other",
                f"pip uninstall -y {' '.join(found[1:])} && pip install --force-reinstall --no-deps {found[0]}",
            )


def overwritten(distribution: str, module: str) -> Iterator[Finding]:
    """Whether the files of a module are those that its distribution brought."""
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        return
    changed = [str(file) for file in files if file.parts[0] == module and file.suffix == ".py" and _is_changed(file)]
    if changed:
        yield broken(
            f"module {module}",
            f"is not what {distribution} brought: {changed[0]} is another file or gone, as if another distribution had "
            "been installed over it",
            f"pip install --force-reinstall --no-deps {distribution}",
        )


def hidden(folder: Path) -> Iterator[Finding]:
    """Folders and files of the working directory that Python would take for an installed package."""
    for module in ("torch", "ultralytics", "thop", "surgeon", "yolo_surgeon", "yaml", "click"):
        for place in (folder / module, folder / f"{module}.py"):
            if (place / "__init__.py").is_file() or (place.suffix == ".py" and place.is_file()):
                if str(folder.resolve()) in {str(Path(entry or ".").resolve()) for entry in sys.path}:
                    continue  # on purpose: a checkout that is being worked on
                yield advice(
                    f"./{place.name}",
                    f"hides the installed {module} from scripts and python -m that run in this folder",
                    f"mv {place.name} {place.name}.other, or work in another folder",
                )


def _installed(one: Requirement) -> Finding:
    remedy = f'pip install "{one}"'
    try:
        version = metadata.version(one.name)
    except metadata.PackageNotFoundError:
        return broken(one.name, f"is missing; surgeon needs {one}", remedy)
    if not satisfies(version, one.bounds):
        return broken(one.name, f"{version} is outside the range that surgeon was tried with, {one.bounds}", remedy)
    return fine(one.name, f"{version} ({one.bounds or 'any version'})")


def _has(one: Requirement) -> bool:
    if _canonical(one.name) == OURS:
        return True  # an extra made of extras, each listed by itself
    try:
        return satisfies(metadata.version(one.name), one.bounds)
    except metadata.PackageNotFoundError:
        return False


def _declared() -> tuple[Requirement, ...] | None:
    try:
        lines = metadata.requires(OURS) or []
    except metadata.PackageNotFoundError:
        return None
    return tuple(one for line in lines if (one := requirement(line)) is not None)


def _is_changed(file: metadata.PackagePath) -> bool:
    """Whether a file is gone or has another hash than its distribution recorded."""
    path = Path(str(file.locate()))
    try:
        content = path.read_bytes()
    except OSError:
        return True
    if file.hash is None or file.hash.mode not in hashlib.algorithms_available:
        return False
    digest = urlsafe_b64encode(hashlib.new(file.hash.mode, content).digest()).decode().rstrip("=")
    return digest != file.hash.value


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
