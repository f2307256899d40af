"""Whether the host decides a GPU's latency: pure rule and its sentence, torch-free."""

from __future__ import annotations

ENQUEUE_SHARE = 0.8
"""Part of the event span that enqueueing takes, from which a network is called launch-bound, as trtexec has it. The
span includes the stream's waits for the host, so enqueueing never takes longer than it."""

GRAPH_RATIO = 0.8
"""Time of a graph's replay over the ordinary forward's below which the launches cost too much."""


def launch_bound(enqueue_ms: float, span_ms: float, graph_ratio: float | None = None) -> str:
    """Why a network is launch-bound, as a sentence; empty where it is not.

    Args:
        enqueue_ms: Host time until a run is enqueued.
        span_ms: From its first to its last work on the card.
        graph_ratio: Time of its CUDA graph's replay over that of its ordinary forward, None where unknown.
    """
    signs = []
    if enqueue_ms > ENQUEUE_SHARE * span_ms:
        signs.append(f"the host enqueues for {enqueue_ms:.2f} ms of the {span_ms:.2f} ms that the work takes")
    if graph_ratio is not None and graph_ratio < GRAPH_RATIO:
        signs.append(f"replayed as a CUDA graph it takes {graph_ratio:.0%} of its time")
    if not signs:
        return ""
    return (
        f"launch-bound: {' and '.join(signs)}, so the number of operators decides and not their size; "
        "a larger batch, torch.compile or a CUDA graph would show it"
    )
