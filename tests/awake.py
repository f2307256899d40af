"""An untrained network in which a change can be seen."""

from __future__ import annotations


def awake(name):
    """A network whose features have unit variance: fresh weights alone drown every change in the bias of the head."""
    import torch
    from torch import nn

    import surgeon

    model = surgeon.open(name)
    norms = [m for m in model.module.modules() if isinstance(m, nn.BatchNorm2d)]
    momenta = [m.momentum for m in norms]
    for norm in norms:
        norm.momentum = 1.0
    images = torch.rand(4, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        model.module.train()(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.module.eval()
    return model
