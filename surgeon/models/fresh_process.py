"""What a file gives in a process that knows only the framework it was written for."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from surgeon.errors import CheckError

_SCRIPT = """
import sys, torch
torch.set_num_threads(int(sys.argv[4]))
{load}
def tensors(value):
    if torch.is_tensor(value):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors(item)
with torch.no_grad():
    torch.save(list(tensors(network.float().eval()(torch.load(sys.argv[2])))), sys.argv[3])
"""


def outputs_of_file(path: Path, image: Tensor, load: str, *, folders: Sequence[str] = ()) -> list[Tensor]:
    """Load a file in a fresh process and run the network in it.

    The process starts in the working directory, which is importable in it, as for a user's own script.

    Args:
        path: The file.
        image: ``(B, C, H, W)``, float32 on the CPU.
        load: Python statements that set ``network`` from the path ``sys.argv[1]``.
        folders: What else shall be importable.

    Returns:
        Every tensor that it puts out.

    Raises:
        CheckError: It cannot be loaded or run; the message is the last line of the process.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, got = Path(folder, "image.pt"), Path(folder, "outputs.pt")
        torch.save(image, given)
        paths = [*folders, *filter(None, [os.environ.get("PYTHONPATH")])]
        done = subprocess.run(
            [
                *(sys.executable, "-c", _SCRIPT.format(load=load)),
                *(str(path), str(given), str(got), str(torch.get_num_threads())),
            ],
            # Ultralytics would install what a file names.
            env={**os.environ, "YOLO_AUTOINSTALL": "false", "PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0 or not got.exists():
            lines = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
            raise CheckError(lines[-1])
        outputs: list[Tensor] = torch.load(got)
        return outputs
