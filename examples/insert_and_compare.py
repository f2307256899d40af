"""Plant a block into YOLOv8n, look at what it costs, write the edited checkpoint.

    python examples/insert_and_compare.py [MODEL] [BLOCK] [SITE]

MODEL is a YAML name that ships with Ultralytics, a .yaml or a .pt. The files go to the working directory.
"""

from __future__ import annotations

import sys

import surgeon


def main(model: str = "yolov8n.yaml", block: str = "gam", site: str = "backbone.9") -> None:
    before = surgeon.open(model)
    after = before.insert(block, after=site)
    for check in after.result.checks:
        print(f"{check.name:<10} {check.detail}")

    comparison = surgeon.compare(before, after, imgsz=320, time_budget_s=5)
    old, new = comparison.results
    print(f"parameters {old.params:,} -> {new.params:,}")
    print(f"GFLOPs     {2e-9 * old.counts.macs:.3f} -> {2e-9 * new.counts.macs:.3f} at 320x320")
    pair = comparison.paired[0]
    print(f"latency    {pair.verdict}: x{pair.ratio:.3f}, 95 % interval {pair.ratio_low:.3f} to {pair.ratio_high:.3f}")
    print(f"wrote      {after.save()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
