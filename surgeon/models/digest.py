"""Digests of a network's tensors, by which two states are known to be equal without keeping the other one.

The values count, as float32 where they are narrower: a checkpoint in float16 that is opened in float32 has the digest
of its values. One pass over 57 million parameters (yolo11x) takes about 0.13 s.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

_NARROW = (torch.float16, torch.bfloat16)


def tensor_digests(module: nn.Module) -> dict[str, bytes]:
    """A digest of each tensor of the state dict: type, shape and values."""
    return {name: _digest(tensor) for name, tensor in module.state_dict().items()}


def edit_digests(before: nn.Module, after: nn.Module, kept: Iterable[str], fresh: Iterable[str]) -> dict[str, str]:
    """What the record of an edit keeps of its tensors.

    Args:
        before: The network before the edit.
        after: The edited network.
        kept: Names, in the former network, of the tensors that are still there.
        fresh: Names, in the edited network, of those that were added.
    """
    former = tensor_digests(before)
    state = after.state_dict()
    planted = {name: _digest(state[name]) for name in fresh}
    return {"former": combined(former), "kept": combined(former, kept), "planted": combined(planted)}


def combined(digests: Mapping[str, bytes], names: Iterable[str] | None = None) -> str:
    """One digest of several named tensors, in hexadecimal.

    Args:
        digests: From `tensor_digests`.
        names: Those that count, in their order; all by default.
    """
    total = hashlib.sha256()
    for name in digests if names is None else names:
        total.update(name.encode() + b"\0" + digests[name])
    return total.hexdigest()


def yaml_digest(module: nn.Module) -> str | None:
    """Hash of the ``model.yaml`` that a network is rebuilt from, in hexadecimal; None where it has none.

    The order of keys and the path of the file do not count, so that the same network has the same hash everywhere.
    """
    data = getattr(module, "yaml", None)
    if not isinstance(data, dict) or not (data.get("backbone") or data.get("head")):
        return None  # a record of settings alone is the same for different networks
    counted = {str(key): value for key, value in data.items() if key != "yaml_file"}
    return hashlib.sha256(json.dumps(counted, sort_keys=True, default=str).encode()).hexdigest()


def _digest(tensor: Tensor) -> bytes:
    tensor = tensor.detach().cpu()
    if tensor.dtype in _NARROW:
        tensor = tensor.float()
    digest = hashlib.sha256(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
    digest.update(tensor.contiguous().reshape(-1).numpy().data)
    return digest.digest()
