"""TensorBoard's profiler plugin, asked for what it finds in a log folder. Run as a script, in a fresh process.

Its backend watches the folder from threads that never end, which no test process should carry.

    python tensorboard_session.py LOGDIR ANSWER.json
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import psutil

DEADLINE_S = 90


def main(folder: str, answer: str) -> None:
    from tensorboard.plugins.base_plugin import TBContext
    from torch_tb_profiler.plugin import TorchProfilerPlugin
    from werkzeug.test import Client

    plugin = TorchProfilerPlugin(TBContext(logdir=folder))
    clients = {route: Client(app) for route, app in plugin.get_plugin_apps().items()}

    def ask(route: str, **query: str) -> Any:
        reply = clients[route].get(route, query_string=query)
        assert reply.status_code == 200, (route, query, reply.status_code)
        data = reply.get_data()
        return json.loads(gzip.decompress(data) if reply.headers.get("Content-Encoding") == "gzip" else data)

    end_s = time.monotonic() + DEADLINE_S
    runs = ask("/runs")
    while (runs["loading"] or not runs["runs"]) and time.monotonic() < end_s:
        time.sleep(0.1)
        runs = ask("/runs")
    run = runs["runs"][0]
    worker = ask("/workers", run=run, view="Overview")[0]
    spans = ask("/spans", run=run, worker=worker)
    one = {"run": run, "worker": worker, **({"span": spans[0]} if spans else {})}
    found = {
        "runs": runs["runs"],
        "views": ask("/views", run=run),
        "worker": worker,
        "steps": ask("/overview", view="Overview", **one)["steps"]["rows"],
        "operators": [row["name"] for row in ask("/operation/table", group_by="Operation", **one)["data"]],
        "events": ask("/trace", **one)["traceEvents"],
    }
    Path(answer).write_text(json.dumps(found), "utf-8")
    for child in psutil.Process().children(recursive=True):
        child.kill()  # one that the plugin forked would outlive us
    os._exit(0)  # its threads would keep the process


if __name__ == "__main__":
    main(*sys.argv[1:])
