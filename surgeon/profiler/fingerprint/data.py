"""Machine, software and state as data, torch-free. What could not be read is None, and never guessed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuFacts:
    """The processor, beyond its name.

    Attributes:
        flags: Instruction sets by which kernels are chosen (``avx2``, ``avx512_bf16``, ``amx_tile`` …).
        hypervisor: Whether it is a virtual machine's.
        online: Logical CPUs of the machine.
        cores: Physical cores of the machine.
        smt: Whether two threads share a core.
        affinity: Numbers of the logical CPUs that this process may use.
        driver: What sets the clock (``intel_pstate``, ``acpi-cpufreq``).
        min_mhz, max_mhz: Limits of the clock, of the fastest core.
        turbo: Whether clocks above the nominal one are allowed.
        address_randomisation: ``kernel.randomize_va_space``; 0 is off.
    """

    flags: tuple[str, ...] | None = None
    hypervisor: bool | None = None
    online: int | None = None
    cores: int | None = None
    smt: bool | None = None
    affinity: tuple[int, ...] | None = None
    driver: str | None = None
    min_mhz: float | None = None
    max_mhz: float | None = None
    turbo: bool | None = None
    address_randomisation: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftwareFacts:
    """How PyTorch was built and set up.

    Attributes:
        build: The lines of ``torch.__config__.show()``, compiler flags left out.
        capability: Instruction set that PyTorch's own kernels use (``AVX512``).
        blas, mkl, onednn, openmp: Libraries behind the operators, with their versions.
        cuda, cudnn: Versions that PyTorch was built for and found.
        threads, interop_threads: PyTorch's threads, before the settings of a measurement.
        variables: Environment variables that change speed (``OMP_NUM_THREADS`` …), as set.
        onednn_enabled: Whether operators may use oneDNN.
        cudnn_benchmark, cudnn_deterministic: The two switches of cuDNN.
        tf32_matmul, tf32_cudnn: Whether matrix products and convolutions may round to TensorFloat-32.
        matmul_precision: ``torch.get_float32_matmul_precision()``.
        deterministic: Whether deterministic algorithms are demanded.
    """

    build: tuple[str, ...] = ()
    capability: str | None = None
    blas: str | None = None
    mkl: str | None = None
    onednn: str | None = None
    openmp: str | None = None
    cuda: str | None = None
    cudnn: str | None = None
    threads: int | None = None
    interop_threads: int | None = None
    variables: dict[str, str] = field(default_factory=dict)
    onednn_enabled: bool | None = None
    cudnn_benchmark: bool | None = None
    cudnn_deterministic: bool | None = None
    tf32_matmul: bool | None = None
    tf32_cudnn: bool | None = None
    matmul_precision: str | None = None
    deterministic: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuFacts:
    """The CUDA device as NVML describes it, beyond its name.

    Attributes:
        uuid: Its identity.
        driver: Version of the NVIDIA driver.
        mig: Whether it is partitioned (MIG).
        memory_bytes: Its memory.
        power_limit_w, default_power_limit_w: Power limit in force, and as shipped.
        max_sm_mhz: Highest clock of the multiprocessors.
        persistence: Whether the driver stays loaded without a program.
    """

    uuid: str | None = None
    driver: str | None = None
    mig: bool | None = None
    memory_bytes: int | None = None
    power_limit_w: float | None = None
    default_power_limit_w: float | None = None
    max_sm_mhz: int | None = None
    persistence: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuState:
    """The CUDA device at one moment.

    Attributes:
        sm_mhz, memory_mhz: Clocks.
        temperature_c: Temperature.
        power_w: Power drawn.
        used_bytes: Memory in use by all processes.
        processes: Programs that compute on it, this one included once it does.
        slowed_by: Why its clock is held down at this moment, by NVML's names; idling is no reason.
        thermal_ns, power_ns: How long temperature and power have held the clock down so far, in nanoseconds.
    """

    sm_mhz: int | None = None
    memory_mhz: int | None = None
    temperature_c: int | None = None
    power_w: float | None = None
    used_bytes: int | None = None
    processes: int | None = None
    slowed_by: tuple[str, ...] | None = None
    thermal_ns: int | None = None
    power_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineState:
    """The machine at one moment. Counters count from an arbitrary start: two states tell what happened in between.

    Attributes:
        utc: When, ``2026-01-31T12:00:00Z``.
        clock_s: The same on a clock that never jumps, in seconds; only differences mean anything.
        load_average: 1-minute load average.
        pressure_percent: Linux PSI ``cpu some avg10``.
        stalled_us: PSI ``cpu some total``: time in which any task of the machine waited for a CPU.
        run_delay_ns: Time that the reading thread was ready and had no CPU.
        busy_s, steal_s, all_s: Time that the CPUs worked, that the hypervisor gave to others, and all their time.
        own_s: CPU time of this process, all its threads.
        quota_periods, throttled_periods: Periods of the cgroup's CPU quota, and those in which it was used up.
        throttled_us: Time that the cgroup was stopped for it.
        governors: Clock governors of the CPUs that this process may use.
        energy_preferences: What the clock driver prefers where it decides itself (``power``, ``performance`` …).
        platform_profile: The firmware's profile (``low-power``, ``balanced`` …).
        mhz: Mean clock of the usable CPUs.
        thermal_events: Thermal throttling events of the usable CPUs and their packages.
        on_battery: Whether a battery is all that drives the machine; None where there is no battery.
        gpu: The CUDA device, None where none was measured or NVML is absent.
    """

    utc: str
    clock_s: float
    load_average: float | None = None
    pressure_percent: float | None = None
    stalled_us: int | None = None
    run_delay_ns: int | None = None
    busy_s: float | None = None
    steal_s: float | None = None
    all_s: float | None = None
    own_s: float | None = None
    quota_periods: int | None = None
    throttled_periods: int | None = None
    throttled_us: int | None = None
    governors: tuple[str, ...] | None = None
    energy_preferences: tuple[str, ...] | None = None
    platform_profile: str | None = None
    mhz: float | None = None
    thermal_events: int | None = None
    on_battery: bool | None = None
    gpu: GpuState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Machine, software and state in which a result was taken.

    Attributes:
        python: Python version.
        platform: Operating system and architecture.
        cpu: CPU model.
        cpus: Logical CPUs that this process may use.
        gpu: Name of the CUDA device, None without one.
        packages: Versions of torch, ultralytics, ultralytics-thop, fvcore, yolo-surgeon.
        load_average: 1-minute load average before the measurement, None where the system has none.
        cpu_pressure: Linux PSI ``cpu some avg10`` in percent, None where not exposed.
        cpu_quota: CPUs granted by the cgroup, None without a limit.
        cgroup: Version of the cgroups that limit the CPU: ``v1``, ``v2``, None where not exposed.
        cpu_facts, software, gpu_facts: The details; None in results of earlier versions, the last without NVML too.
        before, after: The state when timing began and when it ended; None where nothing was timed.
    """

    python: str
    platform: str
    cpu: str
    cpus: int
    gpu: str | None
    packages: dict[str, str]
    load_average: float | None = None
    cpu_pressure: float | None = None
    cpu_quota: float | None = None
    cgroup: str | None = None
    cpu_facts: CpuFacts | None = None
    software: SoftwareFacts | None = None
    gpu_facts: GpuFacts | None = None
    before: MachineState | None = None
    after: MachineState | None = None
