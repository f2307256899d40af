"""CAA: the published classes that hold these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference, fixed, renamed

_KERNELS = {"h_kernel_size": "h_kernel_size", "v_kernel_size": "v_kernel_size"}

CASES: dict[str, Reference] = {
    "caa.official": Reference(
        block="caa",
        channels=("channels",),
        names=_KERNELS,
        settings=fixed(variant="factor"),
        tensors=renamed({"h_conv.conv": "h_conv", "v_conv.conv": "v_conv"}),
        others=("norm_cfg", "act_cfg", "init_cfg"),
    ),
    "caa.paste": Reference(block="caa", channels=("ch",), names=_KERNELS, settings=fixed(variant="paste")),
}
