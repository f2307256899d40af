"""From counts and times to a `ProfileResult`. Measures nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import nn

from surgeon.blocks.naming import display_name
from surgeon.blocks.planted import PlantedBlock
from surgeon.graph.layer import IMAGE
from surgeon.profiler.bench import Timed
from surgeon.profiler.counting import Counted
from surgeon.profiler.figures import Detail
from surgeon.profiler.predicted import DeployedRow, activation_of, deployed_rows
from surgeon.profiler.results import Counts, Environment, Latency, LayerProfile, ProfileResult
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.subject import Subject
from surgeon.profiler.trace.busy import Busy
from surgeon.profiler.widths import bytes_in


def assembled(
    subject: Subject, settings: ProfileSettings, environment: Environment, counted: Counted, timed: Timed
) -> ProfileResult:
    """The result of one network from what counting and timing found."""
    parameters = list(subject.module.parameters())
    return ProfileResult(
        name=subject.name,
        source=subject.source,
        settings=settings,
        environment=environment,
        params=sum(p.numel() for p in parameters),
        trainable_params=sum(p.numel() for p in parameters if p.requires_grad),
        counts=_counts(counted),
        layers=_layers(subject, settings.dtype, counted, timed),
        latency=_with_busy(timed.latency, timed.busy),
        memory=timed.memory,
        activation=activation_of(counted.deployed, subject.graph, settings.dtype),
        source_sha256=subject.source_sha256,
        yaml_sha256=subject.yaml_sha256,
        layout=timed.layout,
        task=subject.task,
        model_layers=sum(1 for m in subject.module.modules() if not m._modules),
        unattributed_ms=None if timed.rows is None else timed.rows.unattributed_ms,
        command=subject.command,
        deployment=timed.deployment,
        deployment_threads=timed.deployment_threads,
        throughput=timed.throughput,
        detail=_timed_detail(counted.detail, timed.modules_ms),
        training=counted.training,
        variants=timed.variants,
        fused=counted.fused,
    )


def _counts(counted: Counted) -> Counts:
    return replace(counted.model.counts, ultralytics_gflops=counted.ultralytics_gflops, misleading=counted.misleading)


def _timed_detail(detail: Detail | None, modules_ms: Mapping[str, float] | None) -> Detail | None:
    if detail is None or modules_ms is None:
        return detail
    return replace(detail, modules=tuple(replace(one, latency_ms=modules_ms.get(one.path)) for one in detail.modules))


def _with_busy(latency: Latency | None, busy: Busy | None) -> Latency | None:
    if latency is None or latency.gpu is None or busy is None:
        return latency
    return replace(latency, gpu=replace(latency.gpu, kernel_busy_ms=busy.network_ms, kernel_busy_runs=busy.runs))


def _layers(subject: Subject, dtype: str, counted: Counted, timed: Timed) -> tuple[LayerProfile, ...]:
    graph, module = subject.graph, subject.module
    deployed = deployed_rows(counted.deployed)
    index = {IMAGE: -1} | {layer.key: layer.index for layer in graph}
    rows = []
    for layer in graph:
        row = counted.model.rows[layer.path]
        does = deployed.get(layer.path, DeployedRow())
        ms, plus_minus = (None, None) if timed.rows is None else timed.rows.rows_ms[layer.path]
        rows.append(
            LayerProfile(
                key=layer.key,
                index=layer.index,
                site=layer.site,
                kind=layer.kind,
                inputs=tuple(index[key] for key in layer.inputs),
                out_shape=row.out_shape,
                params=layer.params,
                macs=row.macs,
                executed=row.executed,
                elementwise_macs=sum(row.elementwise_macs.values()),
                elementwise_flops=row.elementwise_flops,
                read_bytes=row.read_bytes,
                written_bytes=row.written_bytes,
                deployed_flops=does.flops,
                deployed_bytes=bytes_in(dtype, does.moved_bytes),
                deployed_operators=does.operators,
                deployed_layout_bytes=bytes_in(dtype, does.layout_bytes),
                trainable_params=_trainable(module.get_submodule(layer.path)),
                subnormal_weights=timed.subnormals.get(layer.path, 0),
                latency_ms=ms,
                latency_plus_minus_ms=plus_minus,
                kernel_busy_ms=None if timed.busy is None else timed.busy.rows_ms.get(layer.path),
                planted=layer.planted,
                grafts=() if layer.planted else _grafts(module.get_submodule(layer.path)),
            )
        )
    return tuple(rows)


def _grafts(module: nn.Module) -> tuple[str, ...]:
    return tuple(display_name(inner.block_name) for inner in module.modules() if isinstance(inner, PlantedBlock))


def _trainable(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
