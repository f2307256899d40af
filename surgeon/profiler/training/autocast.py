"""What autocast on CUDA casts, done for tensors of any device, those without data included.

PyTorch's own autocast looks at the device of each tensor and leaves those of the meta device alone. So its lists
(``ATen/autocast_mode.h``) are registered once more for a while, under an autocast key that no device uses here; it is
switched on for this thread alone. CUDA's autocast, which does nothing to these tensors, is said to be on meanwhile: so
blocks see it, and where they switch it off, nothing is cast here either.

Internals used: ``AutocastPrivateUse1``, its guards in ``torch._C`` (2.6), ``torch.library.Library.fallback`` (2.6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from surgeon.profiler.training.attention import attend

_KEY = "AutocastPrivateUse1"

LOWER = """
_convolution conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d.input conv_transpose3d.input
convolution prelu addmm addmv addr matmul einsum mm mv linalg_vecdot linear addbmm baddbmm bmm chain_matmul
linalg_multi_dot"""
"""Run in the lower precision, as ``scaled_dot_product_attention`` is."""

FULL = """
acos asin cosh erfinv exp expm1 log log10 log2 log1p reciprocal rsqrt sinh tan pow.Tensor_Scalar
pow.Tensor_Tensor pow.Scalar softplus layer_norm native_layer_norm rms_norm group_norm frobenius_norm.dim nuclear_norm
nuclear_norm.dim cosine_similarity poisson_nll_loss cosine_embedding_loss nll_loss nll_loss2d hinge_embedding_loss
kl_div l1_loss smooth_l1_loss huber_loss mse_loss margin_ranking_loss multilabel_margin_loss soft_margin_loss
triplet_margin_loss multi_margin_loss binary_cross_entropy_with_logits dist pdist cdist renorm logsumexp
upsample_nearest1d _upsample_nearest_exact1d upsample_nearest2d _upsample_nearest_exact2d upsample_nearest3d
_upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d _upsample_bilinear2d_aa upsample_trilinear3d
upsample_bicubic2d _upsample_bicubic2d_aa prod prod.dim_int softmax.int log_softmax.int cumprod cumsum
linalg_vector_norm linalg_matrix_norm linalg_matrix_norm.str_ord sum sum.dim_IntList norm.Scalar
norm.ScalarOpt_dim"""
"""Run in float32."""

PROMOTED = "addcdiv addcmul atan2 bilinear cross dot vdot grid_sampler index_put tensordot scatter_add"
"""Run in the widest type that they are given."""


@contextmanager
def autocast_as_cuda(lower: torch.dtype | None) -> Iterator[None]:
    """Cast as ``torch.autocast("cuda", lower)`` does, and take PyTorch's attention as fused, as devices run it.

    Args:
        lower: ``torch.float16`` or ``torch.bfloat16``; None casts nothing.
    """
    casts: dict[int, Tensor] = {}
    registry: Any = torch.library  # torch has no types for these
    library, others = registry.Library("aten", "IMPL", _KEY), registry.Library("_", "IMPL", _KEY)
    try:
        others.fallback(registry.fallthrough_kernel)
        lowered = _unchanged if lower is None else _to_lower(lower, casts)
        attention = torch.ops.aten.scaled_dot_product_attention.default
        library.impl(attention, _kernel(attend, lowered))
        for names, cast in ((LOWER, lowered), (FULL, _to_full), (PROMOTED, _to_widest)):
            for operator in filter(None, map(_operator, names.split() if lower else ())):
                library.impl(operator, _kernel(operator, cast))
        with _said_to_be_on(lower), _switched_on():
            yield
    finally:
        casts.clear()  # as on CUDA; PyTorch may keep the kernels, and with them the copies, for longer
        library._destroy()
        others._destroy()


@contextmanager
def _said_to_be_on(lower: torch.dtype | None) -> Iterator[None]:
    """CUDA's autocast as the thread's state has it; ``torch.autocast`` itself refuses where there is no GPU."""
    before = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
    torch.set_autocast_enabled("cuda", lower is not None)
    torch.set_autocast_dtype("cuda", lower or before[1])
    try:
        yield
    finally:
        torch.set_autocast_enabled("cuda", before[0])
        torch.set_autocast_dtype("cuda", before[1])


@contextmanager
def _switched_on() -> Iterator[None]:
    native: Any = torch._C
    excluded = native._dispatch_tls_is_dispatch_key_excluded(_KEY)
    native._dispatch_tls_set_dispatch_key_excluded(_KEY, False)
    try:
        with native._IncludeDispatchKeyGuard(native.DispatchKey.AutocastPrivateUse1):
            yield
    finally:
        native._dispatch_tls_set_dispatch_key_excluded(_KEY, excluded)


def _operator(name: str) -> Any:
    """The overload of this name, None where this PyTorch has none."""
    packet, _, overload = name.partition(".")
    return getattr(getattr(torch.ops.aten, packet, None), overload or "default", None)


def _kernel(operator: Any, cast: Callable[[Any], Any]) -> Callable[..., Any]:
    native: Any = torch._C

    def run(*args: Any, **kwargs: Any) -> Any:
        with native._ExcludeDispatchKeyGuard(native.DispatchKeySet(native.DispatchKey.AutocastPrivateUse1)):
            if torch.is_autocast_enabled("cuda"):
                args, kwargs = cast((args, kwargs))
            return operator(*args, **kwargs)

    return run


def _to_lower(lower: torch.dtype, casts: dict[int, Tensor]) -> Callable[[Any], Any]:
    """A parameter is cast once; its copy lives as long as the block, and longer where the backward pass needs it."""

    def one(tensor: Tensor) -> Tensor:
        if not _may_be_cast(tensor) or tensor.dtype == lower:
            return tensor
        if not (tensor.requires_grad and tensor.is_leaf and tensor.dtype == torch.float32):
            return tensor.to(lower)
        if id(tensor) not in casts:
            casts[id(tensor)] = tensor.to(lower)
        return casts[id(tensor)]

    return lambda values: tree_map_only(Tensor, one, values)


def _unchanged(values: Any) -> Any:
    return values


def _to_full(values: Any) -> Any:
    return tree_map_only(Tensor, lambda tensor: tensor.float() if _may_be_cast(tensor) else tensor, values)


def _to_widest(values: Any) -> Any:
    tensors = [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor) and _may_be_cast(leaf)]
    return _to_full(values) if any(tensor.dtype == torch.float32 for tensor in tensors) else values


def _may_be_cast(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and tensor.dtype != torch.float64
