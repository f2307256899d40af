"""What would work where an option is unknown."""

from __future__ import annotations

import difflib

import click


def unknown_option(error: click.NoSuchOption) -> str:
    """One sentence: the option, and the one that was meant; click's own guess where nothing better is known."""
    command = None if error.ctx is None else error.ctx.command
    own = {name for param in getattr(command, "params", ()) for name in param.opts if name.startswith("-")}
    given = error.option_name
    if given == "-o" and "--out" in own:
        return "no such option -o; --out FILE.pt says where to write"
    if "--set" in own and _is_a_setting(given.lstrip("-")):
        return f"no such option {given}; a setting of a block is given as --set {given.lstrip('-')}=VALUE"
    near = difflib.get_close_matches(given, sorted(own), n=3, cutoff=0.6)
    return f"no such option {given}" + (f"; did you mean {' or '.join(near)}?" if near else "")


def _is_a_setting(name: str) -> bool:
    from surgeon.blocks import catalog

    return any(name.replace("-", "_") in info.defaults for info in catalog.all_blocks())
