"""Comparing networks: outputs bit for bit, and everything an insertion promises."""

from __future__ import annotations

import copy

import torch

import surgeon


def outputs(module, size=(128, 192)):
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1))
    module = copy.deepcopy(module).eval()
    with torch.no_grad():
        return list(flatten(module(image)))


def flatten(value):
    if torch.is_tensor(value):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from flatten(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from flatten(item)


def same(a, b):
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def check_insertion(name, block, site):
    before = surgeon.open(name)
    after = before.insert(block, after=site)
    result = after.result
    assert [check.name for check in result.checks] == [
        "tensors",
        "shapes",
        "identity",
        "calls",
        "rebuild",
        "liveness",
        "gradients",
    ]
    assert all(check.passed for check in result.checks)
    old, new = before.module.state_dict(), after.module.state_dict()
    assert len(result.tensors.copied) == len(old) and not result.tensors.dropped
    assert all(torch.equal(old[a], new[b]) for a, b in result.tensors.copied.items())
    assert set(result.tensors.copied.values()) | set(result.tensors.fresh) == set(new)
    assert same(outputs(before.module), outputs(after.module))
