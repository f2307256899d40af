"""The house rules that a reader can rely on: light imports, small files, a fence round Ultralytics, an honest lock."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("surgeon/**/*.py"), *ROOT.glob("yolo_surgeon/**/*.py")])
FENCE = ROOT / "surgeon" / "models" / "ultralytics"
LIMIT = 300
HEAVY = {"torch", "torchvision", "ultralytics"}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported_roots(path: Path) -> set[str]:
    """Top-level names of every absolute import of a file, those inside functions and TYPE_CHECKING included."""
    roots = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            roots.add(node.module.partition(".")[0])
    return roots


def heavy_modules_after(program: str) -> list[str]:
    """Which heavy packages a fresh interpreter has loaded after running a program."""
    tail = f"\nimport json, sys\nprint(json.dumps(sorted({HEAVY!r} & set(sys.modules))))"
    done = subprocess.run([sys.executable, "-c", program + tail], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def command(*arguments: str) -> str:
    return f"""
import sys
from surgeon.cli.main import main
sys.argv = ["surgeon", *{list(arguments)!r}]
try:
    code = main()
except SystemExit as stop:
    code = stop.code
assert not code, code
"""


@pytest.mark.parametrize(
    "program",
    [
        "import surgeon",
        "import surgeon; dir(surgeon); surgeon.Recipe, surgeon.ProfileSettings, surgeon.SurgeonError",
        "import surgeon.blocks.catalog, surgeon.report.documents, surgeon.graph, surgeon.surgery.plan",
        command("--help"),
        command("--version"),
        command("insert", "--help"),
        command("blocks"),
    ],
    ids=["import", "names", "data", "--help", "--version", "insert --help", "blocks"],
)
def test_loads_no_torch(program: str) -> None:
    assert heavy_modules_after(program) == []


def test_every_public_name_can_be_imported() -> None:
    import surgeon

    assert sorted(surgeon.__all__) == list(surgeon.__all__)
    missing = [name for name in surgeon.__all__ if getattr(surgeon, name, None) is None]
    assert not missing
    assert set(surgeon.__all__) <= set(dir(surgeon))
    with pytest.raises(AttributeError, match="no attribute 'operate'"):
        surgeon.operate  # noqa: B018


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_file_is_short_and_says_what_it_is(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= LIMIT
    assert ast.get_docstring(ast.parse(text)), "no module docstring"


def test_only_the_fence_names_ultralytics() -> None:
    outside = [path for path in SOURCES if FENCE not in path.parents]
    assert [relative(path) for path in outside if imported_roots(path) & {"ultralytics", "thop"}] == []


def test_every_import_is_a_declared_dependency() -> None:
    used = set().union(*map(imported_roots, SOURCES)) - set(sys.stdlib_module_names) - {"surgeon", "yolo_surgeon"}
    modules = {"yaml": "pyyaml", "thop": "ultralytics-thop", "triton": "torch"}  # torch for Linux brings Triton
    undeclared = {modules.get(name, name.replace("_", "-")) for name in used} - {*dependencies(), *optional()}
    assert undeclared == set()


def test_lock_holds_what_is_declared_and_no_thop() -> None:
    locked = lock()
    assert "thop" not in locked
    assert "ultralytics-thop" in locked
    assert "yolo-surgeon" not in locked
    assert dependencies().keys() <= locked.keys()
    for name, bounds in {**dependencies(), **optional("dev")}.items():
        for version in locked[name]:
            assert SpecifierSet(bounds).contains(version), f"{name} {version} is outside {bounds}"


def test_lock_pins_every_distribution_with_hashes_and_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    assert "://" not in text
    entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.M).strip())
    assert all(re.match(r"[a-z0-9][a-z0-9.-]*==\S+ ", entry) and "--hash=sha256:" in entry for entry in entries)


def dependencies() -> dict[str, str]:
    """Name → bounds of what an installation brings."""
    return dict(map(requirement, project()["dependencies"]))


def optional(*extras: str) -> dict[str, str]:
    """Name → bounds of the named extras, of all without one."""
    listed = project()["optional-dependencies"]
    lines = [line for extra, lines in listed.items() if not extras or extra in extras for line in lines]
    return dict(requirement(line) for line in lines if not line.startswith("yolo-surgeon["))


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def requirement(line: str) -> tuple[str, str]:
    name, bounds = re.fullmatch(r"([A-Za-z0-9-]+)(.*)", line).groups()
    return name, bounds


def lock() -> dict[str, list[str]]:
    """Name → the versions that the lock file holds (one for each Python where they differ)."""
    versions: dict[str, list[str]] = {}
    text = (ROOT / "requirements.lock").read_text("utf-8")
    for name, version in re.findall(r"^([a-z0-9][a-z0-9.-]*)==([^\s;]+)", text, re.M):
        versions.setdefault(name, []).append(version)
    return versions
