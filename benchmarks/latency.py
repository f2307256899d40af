"""Does a comparison of latencies tell the truth? On replays, where the truth is known, and live, beside other ways.

python benchmarks/latency.py --out docs/benchmarks-latency.md            # about 20 minutes on one core
python benchmarks/latency.py --parts replays --record 30 --replays 40    # two minutes
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from latency_live import Live, Slower, burners, compare, deployed, reconciled, record, runs, stamps_cost
from latency_replay import WAYS, rate
from page_file import finish

PARTS = ("replays", "live", "rows")
EFFECTS = (0.0, 0.005, 0.02)


def replayed(times_ms: list[float], replays: int, budget_s: float) -> list[str]:
    """The table of the ways of comparing."""
    lines = [
        f"Each way decides on {replays} replays of {budget_s:g} recorded seconds, for both networks together.",
        "",
        "| way of comparing | the same network told apart | 0.5 % slower found | 2 % slower found |",
        "|---|---|---|---|",
    ]
    for number, way in enumerate(WAYS):
        found = [rate(way, times_ms, effect, budget_s=budget_s, replays=replays, seed=number) for effect in EFFECTS]
        lines.append(f"| {way} | {' | '.join(map(str, found))} |")
        print(lines[-1], flush=True)
        if way.startswith("surgeon"):
            p = found[0].above(0.05)
    lines += ["", f"p that surgeon's rate of false alarms is above 5 %, exact binomial test: {p:.2g}."]
    return lines


def live(times: int, seconds: float) -> list[str]:
    """The table of comparisons made now."""
    a = deployed("yolov8n")
    median = statistics.median(record(3))
    gam, se = deployed("yolov8n", "gam"), deployed("yolov8n", "se")
    few = max(times // 3, 1)
    rows: list[Live] = [
        runs("the same network", "equality not excluded", times, lambda s: compare(a, a, seconds, s)),
        runs("2 % slower, a wait", "slower", few, lambda s: compare(a, Slower(a, 0.02 * median), seconds, s)),
        runs("GAM after row 4", "slower", few, lambda s: compare(a, gam, 2 * seconds, s)),
        runs("SE after row 4", "slower", few, lambda s: compare(a, se, seconds, s)),
    ]
    with burners():
        rows.append(runs("the same, CPUs taken", "equality not excluded", few, lambda s: compare(a, a, seconds, s)))
    return [
        "| networks | verdicts as they should be | all verdicts | median ratio [least, most] | half-width, median | s "
        "| waited for a CPU / PSI |",
        "|---|---|---|---|---|--:|---|",
        *(row.line() for row in rows),
    ]


def single(seconds: float) -> list[str]:
    """Hooks and rows."""
    stamps, rows = stamps_cost(2 * seconds), reconciled(6 * seconds)
    total = rows.rows_ms + rows.unattributed_ms
    low, high = rows.row_ms - rows.row_plus_minus_ms, rows.row_ms + rows.row_plus_minus_ms
    meet = low <= rows.high_ms and rows.low_ms <= high
    return [
        f"- The stamps of the per-row table cost {stamps.ratio - 1:+.2%} [{stamps.ratio_low - 1:+.2%}, "
        f"{stamps.ratio_high - 1:+.2%}] end to end.",
        f"- Rows {rows.rows_ms:.3f} ms + unattributed {rows.unattributed_ms:.3f} ms = {total:.3f} ms; end-to-end "
        f"median {rows.median_ms:.3f} ms (yolov8n with GAM after row 4).",
        f"- GAM's own row {rows.row_ms:.2f} ms [{low:.2f}, {high:.2f}]; end-to-end difference "
        f"{rows.difference_ms:.2f} ms [{rows.low_ms:.2f}, {rows.high_ms:.2f}]: the intervals "
        f"{'meet' if meet else 'do not meet'}.",
    ]


def _recorded(times_ms: list[float], seconds: float) -> str:
    """What was recorded, in a sentence."""
    ordered = sorted(times_ms)
    return (
        f"Recorded: {len(times_ms)} runs in {seconds:g} s; median {statistics.median(times_ms):.2f} ms, p90 "
        f"{ordered[int(0.9 * len(ordered))]:.2f}, p99 {ordered[int(0.99 * len(ordered))]:.2f}, autocorrelation at lag "
        f"1 {statistics.correlation(times_ms[:-1], times_ms[1:]):.2f}, at lag 100 "
        f"{statistics.correlation(times_ms[:-100], times_ms[100:]):.2f}."
    )


def main() -> None:
    """Run what is asked for and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", default=",".join(PARTS), help="of the page")
    parser.add_argument("--record", type=float, default=120.0, help="seconds of the recording that is replayed")
    parser.add_argument("--replays", type=int, default=200)
    parser.add_argument("--budget", type=float, default=10.0, help="seconds of a comparison")
    parser.add_argument("--live", type=int, default=30, help="live A/A comparisons; others are a third as many")
    parser.add_argument("--out", type=Path, help="write the page")
    options = parser.parse_args()
    parts = options.parts.split(",")
    lines = [
        "# Comparing latencies: what is claimed, and how often it is true",
        "",
        f"yolov8n, 320x320, fused, float32, one CPU thread; {platform.machine()}, torch {version('torch')}, Python "
        f"{platform.python_version()}. Rates with their exact 95 % intervals.",
    ]
    if "replays" in parts:
        times_ms = record(options.record)
        lines += ["", "## Replays", "", _recorded(times_ms, options.record)]
        lines += replayed(times_ms, options.replays, options.budget)
    if "live" in parts:
        lines += ["", "## Live", "", *live(options.live, options.budget)]
    if "rows" in parts:
        lines += ["", "## Rows", "", *single(options.budget)]
    finish(lines, __file__, options.out)


if __name__ == "__main__":
    main()
