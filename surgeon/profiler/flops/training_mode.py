"""The dispatch mode of a training step: books every operator on the module whose forward made it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from surgeon.profiler.flops.backward import GRADIENTS, WITHOUT_MACS, total_formulas
from surgeon.profiler.flops.formula import Formula
from surgeon.profiler.flops.formulas import REGISTERED, is_uncountable, operator_name
from surgeon.profiler.flops.mode import OperatorMode
from surgeon.profiler.flops.origins import Origin, Origins
from surgeon.profiler.flops.training_ledger import Step, TrainingLedger

_ADDS_FIRST = frozenset({"aten::addmm", "aten::baddbmm", "aten::addbmm", "aten::addmv"})
"""Products whose first argument is added to them."""
_WITH_VECTORS = frozenset({"aten::mv", "aten::addmv", "aten::dot", "aten::vdot"})
"""Products the backward of which multiplies elementwise."""


def next_node() -> int:
    """Number of the node that autograd makes next in this thread."""
    return int(torch.autograd._get_sequence_nr())  # type: ignore[attr-defined, unused-ignore]


class TrainingMode(OperatorMode):  # type: ignore[no-untyped-call, unused-ignore]
    """Books forward and backward of one step.

    Args:
        ledger: Where to book.
        formulas: MAC formulas by operator name; where the user registered none, `GRADIENTS` tells the two kinds apart.
        origins: Told of every operator.
        meta: As in `OperatorMode`.
    """

    def __init__(
        self, ledger: TrainingLedger, formulas: Mapping[str, Formula], origins: Origins, *, meta: bool
    ) -> None:
        super().__init__({**total_formulas(), **formulas}, meta=meta)
        self._ledger = ledger
        self._origins = origins
        self._factors: dict[int, set[Origin]] = {}
        self._with_vectors: set[int] = set()

    def ran(
        self, func: Any, formula: Formula | None, out: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """Book one operator."""
        name = operator_name(func)
        node: Any = None if self._ledger.in_forward else torch._C._current_autograd_node()
        owner = self._ledger.now if node is None else self._ledger.owner_of(node._sequence_nr())
        if name in GRADIENTS and name not in REGISTERED:
            self._book_gradients(owner, args, *GRADIENTS[name](out, args, kwargs))
        elif formula is not None and node is None:
            owner.forward += formula(out, args, kwargs)
            self._remember(name, args)
        elif formula is not None:
            self._book_product(owner, node, args, formula(out, args, kwargs))
        elif node is not None and name == "aten::mul" and node._sequence_nr() in self._with_vectors:
            self._book_product(owner, node, args, int(out.numel()))
        elif is_uncountable(func) and name not in WITHOUT_MACS:
            self._ledger.book_uncounted(name, owner, None if node is None else node._sequence_nr())
        self._origins.follow((args, kwargs), out)

    def _remember(self, name: str, args: tuple[Any, ...]) -> None:
        """Note where the factors of a product come from, for its backward; its node has just been made."""
        factors = args[1:3] if name in _ADDS_FIRST else args[:2]
        if not torch.is_grad_enabled() or not any(one.requires_grad for one in _tensors(factors)):
            return
        node = next_node() - 1
        self._factors[node] = self._origins.of(factors)
        if name in _WITH_VECTORS:
            self._with_vectors.add(node)

    def _book_product(self, owner: Step, node: Any, args: tuple[Any, ...], macs: int) -> None:
        """A product in a backward pass is the gradient of that factor of the forward's which it does not contain."""
        factors = self._factors.get(node._sequence_nr()) or _of_edges(node)
        if Origin.LEARNED not in factors:
            of_weight = False
        else:
            of_weight = Origin.IMAGE not in factors or Origin.LEARNED not in self._origins.of(args)
        self._book(owner, 0 if of_weight else macs, macs if of_weight else 0)

    def _book_gradients(self, owner: Step, args: tuple[Any, ...], of_input: int, of_weight: int) -> None:
        """A convolution's weight may be made from the image, and its input from parameters alone."""
        learned = Origin.LEARNED in self._origins.of(args[1])
        made = Origin.IMAGE in self._origins.of(args[2])
        self._book(owner, (not learned) * of_input + made * of_weight, learned * of_input + (not made) * of_weight)

    @staticmethod
    def _book(owner: Step, of_inputs: int, of_weights: int) -> None:
        owner.of_inputs += of_inputs
        owner.of_weights += of_weights


def _of_edges(node: Any) -> set[Origin]:
    """Of a node whose forward showed no product (a custom autograd function): whether it was given parameters."""
    edges = {edge.name() == "torch::autograd::AccumulateGrad" for edge, _ in node.next_functions if edge is not None}
    return {Origin.LEARNED if is_parameter else Origin.IMAGE for is_parameter in edges}


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
