"""Importing what surgeon rests on, in a process of its own: one that crashes or hangs takes nobody with it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import Any

from surgeon.doctor.finding import Finding, broken, fine

PATIENCE_S = 300
_MARK = "surgeon-doctor "
_LIGHT = {"numpy": "numpy", "networkx": "networkx", "psutil": "psutil", "rich": "rich", "yaml": "pyyaml"}
"""Modules that are imported only, and their distributions."""
_DISTRIBUTIONS = {**_LIGHT, "thop": "ultralytics-thop"}
_PROBES = {
    **{name: f"import {name}; v = getattr({name}, '__version__', '')" for name in _LIGHT},
    "torch": "import torch; v = torch.__version__; torch.ones(2).sum(); "
    "cuda = torch.cuda.is_available(); more = torch.cuda.get_device_name(0) if cuda else ''",
    "torchvision": "import torch, torchvision; v = torchvision.__version__; "
    "torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)",
    "thop": "import thop; from thop import profile; v = getattr(thop, '__version__', '')",
    "ultralytics": "import ultralytics, ultralytics.nn.tasks; v = ultralytics.__version__",
}
_PROGRAM = """
import json, sys
for name, code in json.loads(sys.argv[1]):
    print(sys.argv[2] + json.dumps({"begin": name}), flush=True)
    found = {"more": ""}
    try:
        exec(code, found)
    except BaseException as error:
        said = {"error": f"{type(error).__name__}: {error}"[:400]}
    else:
        said = {"version": str(found["v"]), "more": str(found["more"])}
    print(sys.argv[2] + json.dumps({"end": name, **said}), flush=True)
"""
_REMEDY = {
    **{name: f"pip install --force-reinstall {distribution}" for name, distribution in _LIGHT.items()},
    "torch": "pip install --force-reinstall torch torchvision",
    "torchvision": "pip install --force-reinstall torch torchvision",
    "thop": "pip install --force-reinstall --no-deps ultralytics-thop",
    "ultralytics": "pip install --force-reinstall --no-deps ultralytics",
}


def imports() -> Iterator[Finding]:
    """Import each package that is there at all and use it once."""
    left = [name for name in _PROBES if _is_there(name)]
    while left:
        said, end = _run(left)
        done = {str(line["end"]): line for line in said if "end" in line}
        for name in [name for name in left if name in done]:
            yield _finding(name, done[name])
        left = [name for name in left if name not in done]
        if left and end:
            yield broken(f"import {left[0]}", end, _REMEDY[left[0]])
            left = left[1:]


def _is_there(name: str) -> bool:
    """Whether a package can be found, or should be: a distribution says that it is installed."""
    try:
        metadata.distribution(_DISTRIBUTIONS.get(name, name))
    except metadata.PackageNotFoundError:
        return importlib.util.find_spec(name) is not None
    return True


def _run(names: Sequence[str]) -> tuple[list[dict[str, Any]], str]:
    """What a process said, and how it ended if not well."""
    work = json.dumps([(name, _PROBES[name]) for name in names])
    command = [sys.executable, "-P", "-c", _PROGRAM, work, _MARK]
    environment = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false", **os.environ}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, env=environment, errors="replace"
        )
        out = done.stdout
        end = f"the process ended by signal {-done.returncode}" if done.returncode < 0 else "the process ended early"
    except subprocess.TimeoutExpired as error:
        raw = error.stdout or b""
        out = raw.decode(errors="replace") if isinstance(raw, bytes) else raw
        end = f"nothing happened for {PATIENCE_S} s"
    except OSError as error:
        return [], f"Python could not be started: {error}"
    lines = (line for line in out.splitlines() if line.startswith(_MARK))
    return [json.loads(line.removeprefix(_MARK)) for line in lines], end


def _finding(name: str, line: dict[str, Any]) -> Finding:
    if "error" in line:
        return broken(f"import {name}", " ".join(str(line["error"]).split()), _REMEDY[name])
    more = f", GPU {line['more']}" if line.get("more") else ""
    return fine(f"import {name}", f"{line.get('version') or 'it'} works{more}")
