"""The machine on paper: briefly under a result, in full for ``surgeon env``. What a machine hides is "not exposed"."""

from __future__ import annotations

from collections.abc import Iterable

from surgeon.profiler.deployed.figures import DeployedModel
from surgeon.profiler.fingerprint.data import CpuFacts, Environment, GpuFacts, GpuState, MachineState, SoftwareFacts
from surgeon.profiler.fingerprint.elapsed import elapsed
from surgeon.profiler.results import ProfileResult
from surgeon.report import units
from surgeon.report.tables import Document, Facts, Notes
from surgeon.report.units import NOTHING

NOT_EXPOSED = "not exposed"

Items = tuple[tuple[str, str], ...]


def environment_document(environment: Environment, extra: Items = (), hazards: tuple[str, ...] = ()) -> Document:
    """Everything that is known of a machine, in sections.

    Args:
        environment: The machine, with its state in `before`.
        extra: Further lines of the first section.
        hazards: Sentences on what would disturb a measurement now.
    """
    state = environment.before
    system = (("python", environment.python), ("platform", environment.platform))
    return Document(
        title="surgeon",
        parts=(
            Facts(title="software", items=(*environment.packages.items(), *system, *extra)),
            Facts(title="pytorch", items=_software(environment.software)),
            Facts(title="cpu", items=_cpu(environment, environment.cpu_facts)),
            Facts(title="container", items=_container(environment, state)),
            Facts(title="gpu", items=_gpu(environment, state)),
            Facts(title="state", items=() if state is None else _state(state)),
            Notes(title="hazards", sentences=hazards),
        ),
    )


def environment_items(environment: Environment) -> Items:
    """The machine and its state in a few lines, under a result."""
    cpus = units.plural(environment.cpus, "logical CPU")
    quota = "" if environment.cpu_quota is None else f", {environment.cpu_quota:g} granted by the cgroup"
    packages = ", ".join(f"{name} {version}" for name, version in environment.packages.items())
    return (
        ("cpu", f"{environment.cpu}, {cpus}{quota}"),
        ("gpu", environment.gpu or "none"),
        *_states(environment),
        ("system", f"{environment.platform}, Python {environment.python}"),
        ("packages", packages or NOTHING),
    )


def environment_sentence(environment: Environment, package: str = "torch") -> str:
    """The machine in one sentence, for a comparison; empty for results that did not record its state.

    Args:
        environment: Where it was measured.
        package: What ran the networks.
    """
    before, after = environment.before, environment.after
    if before is None or after is None:
        return ""
    device = environment.gpu or f"{environment.cpu} ({units.plural(environment.cpus, 'CPU')})"
    version = environment.packages.get(package)
    runner = "" if version is None else f" with {package} {version}"
    seen = (
        _change("load", before.load_average, after.load_average, "{:.2f}"),
        _change("CPU pressure", before.pressure_percent, after.pressure_percent, "{:.0f} %"),
    )
    return f"Measured on {device}{runner}{''.join(f'; {text}' for text in seen if text)}."


def source_items(result: ProfileResult | DeployedModel) -> Items:
    """What identifies the network that was measured; nothing for a live module without a ``model.yaml``."""
    if isinstance(result, DeployedModel):
        hashes = [("file", result.sha256)]
    else:
        hashes = [("file", result.source_sha256), ("yaml", result.yaml_sha256)]
    known = ", ".join(f"{name} sha256 {value[:16]}" for name, value in hashes if value is not None)
    return (("source", f"{result.source}: {known}"),) if known else ()


def _states(environment: Environment) -> Items:
    """The state before and after; of older results, and where nothing was timed, only that before."""
    before, after = environment.before, environment.after
    if before is None or after is None:
        return (("state before", _known(_load(environment.load_average, environment.cpu_pressure))),)
    happened = elapsed(before, after)
    meanwhile = (
        "" if happened.other_cpus is None else f"other processes used {happened.other_cpus:.1f} CPUs",
        "" if happened.waited is None else f"waited for a CPU {100 * happened.waited:.0f} % of the time",
        "" if not happened.stolen else f"steal {100 * happened.stolen:.1f} %",
        "" if not happened.throttled_periods else f"throttled in {happened.throttled_periods} periods",
    )
    return (
        ("state before", _known((*_load(before.load_average, before.pressure_percent), *_clock(before)))),
        ("state after", _known((*_load(after.load_average, after.pressure_percent), *_clock(after)))),
        ("meanwhile", _known(meanwhile)),
    )


def _load(load_average: float | None, pressure: float | None) -> tuple[str, ...]:
    return (
        "" if load_average is None else f"load {load_average:.2f}",
        "" if pressure is None else f"CPU pressure {pressure:.1f} %",
    )


def _clock(state: MachineState) -> tuple[str, ...]:
    return (
        f"governor {_words(state.governors)}",
        "" if state.mhz is None else f"{state.mhz:.0f} MHz",
        "on battery" if state.on_battery else "",
    )


def _software(facts: SoftwareFacts | None) -> Items:
    if facts is None:
        return ()
    blas = " ".join(text for text in (facts.blas, facts.mkl) if text)
    variables = ", ".join(f"{name}={value}" for name, value in facts.variables.items())
    return (
        ("kernels for", facts.capability or NOT_EXPOSED),
        ("BLAS", blas or NOT_EXPOSED),
        ("oneDNN", f"{facts.onednn or NOT_EXPOSED}, {_switch(facts.onednn_enabled)}"),
        ("OpenMP", facts.openmp or NOT_EXPOSED),
        ("threads", f"{_or_hidden(facts.threads)}, between operators {_or_hidden(facts.interop_threads)}"),
        ("variables", variables or "none that change speed"),
        ("CUDA, cuDNN", f"{facts.cuda or 'none'}, {facts.cudnn or 'none'}"),
        ("cuDNN", f"benchmark {_switch(facts.cudnn_benchmark)}, deterministic {_switch(facts.cudnn_deterministic)}"),
        ("TF32", f"matrix products {_switch(facts.tf32_matmul)}, convolutions {_switch(facts.tf32_cudnn)}"),
        ("float32 matmul", f"{facts.matmul_precision or NOT_EXPOSED} precision"),
    )


def _cpu(environment: Environment, facts: CpuFacts | None) -> Items:
    if facts is None:
        return (("model", environment.cpu), ("usable", units.plural(environment.cpus, "logical CPU")))
    numbers = "" if facts.affinity is None else f": {', '.join(map(str, facts.affinity))}"
    smt = {None: "", True: ", two threads a core", False: ", one thread a core"}[facts.smt]
    clock = NOT_EXPOSED
    if facts.driver is not None or facts.max_mhz is not None:
        limits = "" if facts.max_mhz is None else f", {_or_hidden(facts.min_mhz)} to {facts.max_mhz:.0f} MHz"
        clock = f"{facts.driver or 'driver not exposed'}{limits}, turbo {_switch(facts.turbo)}"
    return (
        ("model", environment.cpu),
        ("usable", f"{environment.cpus} of {_or_hidden(facts.online)} logical CPUs{numbers}"),
        ("cores", f"{_or_hidden(facts.cores)}{smt}"),
        ("instructions", NOT_EXPOSED if facts.flags is None else " ".join(facts.flags) or "none that matter"),
        ("virtual machine", {None: NOT_EXPOSED, True: "yes", False: "no"}[facts.hypervisor]),
        ("clock", clock),
        ("address layout", _randomised(facts.address_randomisation)),
    )


def _randomised(setting: int | None) -> str:
    return NOT_EXPOSED if setting is None else "random" if setting else "fixed"


def _container(environment: Environment, state: MachineState | None) -> Items:
    if environment.cgroup is None:
        return (("cgroup", NOT_EXPOSED),)
    quota = "no limit" if environment.cpu_quota is None else f"{environment.cpu_quota:g} CPU"
    throttled = NOT_EXPOSED
    if state is not None and state.throttled_periods is not None:
        throttled = f"{state.throttled_periods:,} of {_or_hidden(state.quota_periods)} periods since the start"
    return (("cgroup", environment.cgroup), ("CPU quota", quota), ("throttled", throttled))


def _gpu(environment: Environment, state: MachineState | None) -> Items:
    if environment.gpu is None:
        return (("device", "none that PyTorch sees"),)
    device = ("device", environment.gpu)
    facts, now = environment.gpu_facts, None if state is None else state.gpu
    if facts is None:
        return (device, ("details", f"{NOT_EXPOSED}: NVML answers through the package nvidia-ml-py"))
    return (device, *_gpu_facts(facts), *(() if now is None else _gpu_state(now)))


def _gpu_facts(facts: GpuFacts) -> Items:
    shipped = "" if facts.default_power_limit_w is None else f" ({facts.default_power_limit_w:g} W as shipped)"
    return (
        ("UUID", facts.uuid or NOT_EXPOSED),
        ("driver", facts.driver or NOT_EXPOSED),
        ("partitioned", {None: NOT_EXPOSED, True: "yes (MIG)", False: "no"}[facts.mig]),
        ("memory", NOT_EXPOSED if facts.memory_bytes is None else units.mib(facts.memory_bytes)),
        ("power limit", f"{_or_hidden(facts.power_limit_w, ' W')}{shipped}"),
        ("highest clock", _or_hidden(facts.max_sm_mhz, " MHz")),
    )


def _gpu_state(state: GpuState) -> Items:
    held = NOT_EXPOSED if state.slowed_by is None else " and ".join(state.slowed_by) or "nothing"
    return (
        ("clocks", f"{_or_hidden(state.sm_mhz, ' MHz')}, memory {_or_hidden(state.memory_mhz, ' MHz')}"),
        ("temperature", _or_hidden(state.temperature_c, " °C")),
        ("power", _or_hidden(state.power_w, " W")),
        ("held down by", held),
        ("processes", _or_hidden(state.processes)),
    )


def _state(state: MachineState) -> Items:
    power = {None: NOT_EXPOSED, True: "battery", False: "mains"}[state.on_battery]
    stolen = None if state.steal_s is None or not state.all_s else state.steal_s / state.all_s
    return (
        ("at", state.utc),
        ("load", NOT_EXPOSED if state.load_average is None else f"{state.load_average:.2f}"),
        ("CPU pressure", _pressure(state.pressure_percent)),
        ("steal", NOT_EXPOSED if stolen is None else f"{100 * stolen:.2f} % of the CPU time since the start"),
        ("governor", _words(state.governors)),
        ("driver prefers", _words(state.energy_preferences)),
        ("profile", state.platform_profile or NOT_EXPOSED),
        ("clock", NOT_EXPOSED if state.mhz is None else f"{state.mhz:.0f} MHz"),
        ("throttled by heat", _or_hidden(state.thermal_events, " events since the start")),
        ("power", power),
    )


def _pressure(percent: float | None) -> str:
    return NOT_EXPOSED if percent is None else f"{percent:.1f} % of the last 10 s some task waited (PSI)"


def _change(name: str, before: float | None, after: float | None, form: str) -> str:
    if before is None or after is None:
        return ""
    return f"{name} {form.format(before)} before, {form.format(after)} after"


def _known(texts: Iterable[str]) -> str:
    return ", ".join(text for text in texts if text) or NOTHING


def _words(words: tuple[str, ...] | None) -> str:
    return NOT_EXPOSED if words is None else ", ".join(words)


def _or_hidden(value: float | None, unit: str = "") -> str:
    return NOT_EXPOSED if value is None else f"{value:g}{unit}"


def _switch(on: bool | None) -> str:
    return NOT_EXPOSED if on is None else "on" if on else "off"
