"""What kernels of several machines expose, as files: a laptop, a server that throttles, containers, and none of it."""

from __future__ import annotations

from pathlib import Path

from surgeon.profiler.fingerprint.kernel import Kernel

CPUINFO = "processor\t: {n}\nvendor_id\t: GenuineIntel\nmodel name\t: {model}\nflags\t\t: fpu sse4_2 {flags}\n"
STAT = "cpu  {user} 0 {system} {idle} 100 0 10 {steal} 0 0\ncpu0 1 0 1 1 0 0 0 0 0 0\nintr 1\n"


def _cpus(count: int, files: dict[str, str]) -> dict[str, str]:
    folder = "sys/devices/system/cpu"
    return {f"{folder}/cpu{n}/{name}": text for n in range(count) for name, text in files.items()}


LAPTOP = {
    "proc/cpuinfo": "".join(CPUINFO.format(n=n, model="Core i7-8550U", flags="fma avx2 smep") + "\n" for n in range(2)),
    "proc/loadavg": "1.25 0.90 0.70 2/800 4242\n",
    "proc/pressure/cpu": "some avg10=12.50 avg60=3.00 avg300=1.00 total=5000000\nfull avg10=0 total=0\n",
    "proc/stat": STAT.format(user=1000, system=500, idle=8000, steal=0),
    "proc/thread-self/schedstat": "900 700 3\n",
    "proc/sys/kernel/randomize_va_space": "2\n",
    "proc/self/cgroup": "0::/user.slice\n",
    "sys/fs/cgroup/user.slice/cpu.stat": "usage_usec 12\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
    "sys/fs/cgroup/user.slice/cpu.max": "max 100000\n",
    "sys/devices/system/cpu/online": "0-1\n",
    "sys/devices/system/cpu/smt/active": "1\n",
    "sys/devices/system/cpu/cpufreq/boost": "1\n",
    "sys/firmware/acpi/platform_profile": "low-power\n",
    "sys/class/power_supply/AC/type": "Mains\n",
    "sys/class/power_supply/AC/online": "0\n",
    "sys/class/power_supply/BAT0/type": "Battery\n",
    "sys/class/power_supply/BAT0/status": "Discharging\n",
    "sys/class/power_supply/hid-mouse/type": "Battery\n",
    "sys/class/power_supply/hid-mouse/scope": "Device\n",
    "sys/class/power_supply/hid-mouse/status": "Discharging\n",
    **_cpus(
        2,
        {
            "cpufreq/scaling_driver": "acpi-cpufreq\n",
            "cpufreq/scaling_governor": "powersave\n",
            "cpufreq/scaling_cur_freq": "800000\n",
            "cpufreq/cpuinfo_min_freq": "400000\n",
            "cpufreq/cpuinfo_max_freq": "4000000\n",
        },
    ),
}
"""A laptop on battery: powersave governor, acpi-cpufreq, two logical CPUs, cgroup v2 without a limit."""

PLUGGED = LAPTOP | {
    "sys/class/power_supply/AC/online": "1\n",
    "sys/class/power_supply/BAT0/status": "Charging\n",
    "sys/firmware/acpi/platform_profile": "balanced\n",
    **_cpus(
        2,
        {
            "cpufreq/scaling_driver": "intel_pstate\n",
            "cpufreq/scaling_governor": "powersave\n",
            "cpufreq/energy_performance_preference": "balance_performance\n",
        },
    ),
}
"""The same with its charger, and the driver whose ``powersave`` is its normal mode."""

SERVER = {
    "proc/cpuinfo": CPUINFO.format(n=0, model="Xeon 6130", flags="avx512f amx_tile hypervisor"),
    "sys/devices/system/cpu/online": "0-3\n",
    "sys/devices/system/cpu/smt/active": "0\n",
    "sys/devices/system/cpu/intel_pstate/no_turbo": "1\n",
    **_cpus(4, {"thermal_throttle/core_throttle_count": "3\n", "thermal_throttle/package_throttle_count": "2\n"}),
}
"""A server whose CPUs have been too hot: 3 events a core, 2 of the package as each of 4 cores counts them."""

HOTTER = SERVER | _cpus(4, {"thermal_throttle/core_throttle_count": "5\n"})

CONTAINER_V2 = {
    "proc/self/cgroup": "0::/pod/app\n",
    "sys/fs/cgroup/pod/cpu.max": "50000 100000\n",
    "sys/fs/cgroup/pod/cpu.stat": "usage_usec 1\nnr_periods 100\nnr_throttled 7\nthrottled_usec 300000\n",
    "sys/fs/cgroup/pod/app/cpu.max": "max 100000\n",
    "sys/fs/cgroup/pod/app/cpu.stat": "usage_usec 1\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
}
"""Half a CPU for the pod, no limit of its own for the container in it."""

THROTTLED_V2 = CONTAINER_V2 | {
    "sys/fs/cgroup/pod/cpu.stat": "usage_usec 1\nnr_periods 140\nnr_throttled 19\nthrottled_usec 1500000\n",
}
"""The same, 40 periods and 12 stops later."""

CONTAINER_V1 = {
    "proc/self/cgroup": "12:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n0::/\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "150000\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.stat": "nr_periods 9\nnr_throttled 4\nthrottled_time 2500000\n",
}
"""Version 1 as a container sees it: the path of its cgroup is the host's and does not exist, the root does."""

MACOS: dict[str, str] = {}
"""A system with none of these files."""


def recorded(folder: Path, files: dict[str, str], portable: object = None) -> Kernel:
    """Write a machine's files below a folder; later files replace earlier ones."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Kernel(proc=folder / "proc", sys=folder / "sys", portable=portable)
