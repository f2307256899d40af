"""Print how far ACmix's kernel, run by Triton's interpreter on the CPU, is from the ordinary form; JSON.

Its own process: Triton decides at its import whether it interprets. Arguments: a dtype, then cases as
``batch,channels,head,kernel,height,width``.
"""

from __future__ import annotations

import json
import os
import sys

os.environ["TRITON_INTERPRET"] = "1"

import torch

from surgeon.blocks import create, fused_acmix

kind = getattr(torch, sys.argv[1])
torch.manual_seed(0)
torch.set_num_threads(1)
found = []
for text in sys.argv[2:]:
    batch, channels, head, kernel, height, width = map(int, text.split(","))
    block = create("acmix", channels, head=head, kernel_att=kernel).eval()
    q, k, v = torch.randn(3, batch, channels, height, width).to(kind).unbind()
    positions = torch.randn(1, channels // head, height, width).to(kind)
    for layout in (torch.contiguous_format, torch.channels_last):
        maps = [t.contiguous(memory_format=layout) for t in (q, k, v)]
        with torch.no_grad():
            wanted = block._attend(*maps, positions)
        got = fused_acmix.attend(*maps, positions, head=head, kernel=kernel)
        assert (got.dtype, got.stride()) == (kind, maps[0].stride())
        found.append(float((got.double() - wanted.double()).abs().max() / max(1.0, float(wanted.abs().max()))))
print(json.dumps(found))
