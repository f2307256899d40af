"""``surgeon yolo``."""

from __future__ import annotations

import sys
import traceback

import click

from surgeon.cli.command import Command


@click.command("yolo", cls=Command, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="...")
def command(*, arguments: tuple[str, ...]) -> int:
    """Run the yolo command with surgeon's blocks known to it.

    Everything behind `surgeon yolo` goes to the yolo command of the installed Ultralytics as it is; its exit code
    comes back. A .pt that surgeon wrote needs none of this, a .yaml does.

    Example:
        surgeon yolo train model=yolov8n-gam.yaml data=coco8.yaml epochs=1
    """
    from importlib.metadata import entry_points

    from surgeon.errors import MissingDependencyError
    from surgeon.models.ultralytics import autoload

    found = list(entry_points(group="console_scripts", name="yolo"))
    if not found:
        raise MissingDependencyError("there is no yolo command here: pip install ultralytics")
    sys.argv[:] = ["yolo", *arguments]
    autoload.install()
    try:
        found[0].load()()
    except SystemExit as stop:
        return _status(stop)
    except KeyboardInterrupt:
        return 130
    except Exception:
        traceback.print_exc()
        return 1
    return 0


def _status(stop: SystemExit) -> int:
    """The exit status as the interpreter takes it from SystemExit."""
    if stop.code is None or isinstance(stop.code, int):
        return stop.code or 0
    click.echo(stop.code, err=True)
    return 1
