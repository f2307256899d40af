"""BAM: the published classes that hold these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference, fixed, renamed

_GATE_C, _GATE_S = "channel_att.gate_c.gate_c_", "spatial_att.gate_s.gate_s_"
_OFFICIAL = {
    f"{_GATE_C}fc_0": "channel_fc.0",
    f"{_GATE_C}bn_1": "channel_bn.0",
    f"{_GATE_C}fc_final": "channel_out",
    f"{_GATE_S}conv_reduce0": "spatial_reduce",
    f"{_GATE_S}bn_reduce0": "spatial_bn.0",
    f"{_GATE_S}conv_di_0": "spatial_conv.0",
    f"{_GATE_S}bn_di_0": "spatial_bn.1",
    f"{_GATE_S}conv_di_1": "spatial_conv.1",
    f"{_GATE_S}bn_di_1": "spatial_bn.2",
    f"{_GATE_S}conv_final": "spatial_out",
}
_PASTE = {
    **{f"ca.ca.fc{index}": f"channel_fc.{index}" for index in range(3)},
    **{f"ca.ca.bn{index}": f"channel_bn.{index}" for index in range(3)},
    "ca.ca.last_fc": "channel_out",
    "sa.sa.conv_reduce1": "spatial_reduce",
    "sa.sa.bn_reduce1": "spatial_bn.0",
    **{f"sa.sa.conv_{index}": f"spatial_conv.{index}" for index in range(3)},
    **{f"sa.sa.bn_{index}": f"spatial_bn.{index + 1}" for index in range(3)},
    "sa.sa.last_conv": "spatial_out",
}

CASES: dict[str, Reference] = {
    "bam.official": Reference(block="bam", channels=("c",), tensors=renamed(_OFFICIAL)),
    "bam.paste": Reference(
        block="bam",
        channels=("channel",),
        names={"reduction": "reduction", "dia_val": "dilation"},
        settings=fixed(variant="paste"),
        tensors=renamed(_PASTE),
    ),
}
