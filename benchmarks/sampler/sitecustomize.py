"""Samples the stacks of an engine worker; put on PYTHONPATH with KAPPA_BENCH_PROFILE naming the file to write.

Only the worker process is sampled.  Kernels release the interpreter, so their time is seen at the line that calls
them; per-thread CPU comes from the operating system.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

INTERVAL_SECONDS = 0.001
DEPTH_MAX = 40


def _start(target: Path) -> None:
    import atexit
    import collections
    import json
    import threading
    import time

    stacks: collections.Counter[tuple[str, tuple[str, ...]]] = collections.Counter()
    cpu: dict[str, float] = {}
    tick = 1 / os.sysconf("SC_CLK_TCK")
    begun = time.monotonic()
    rounds = 0
    ending = threading.Event()

    def sample() -> None:
        nonlocal rounds
        me = threading.get_ident()
        while not ending.is_set():
            time.sleep(INTERVAL_SECONDS)
            names = {thread.ident: thread.name for thread in threading.enumerate()}
            rounds += 1
            for ident, frame in sys._current_frames().items():
                if ident == me:
                    continue
                lines: list[str] = []
                at = frame
                while at is not None and len(lines) < DEPTH_MAX:
                    code = at.f_code
                    lines.append(f"{code.co_filename}:{at.f_lineno}:{code.co_name}")
                    at = at.f_back
                stacks[names.get(ident, "?"), tuple(lines)] += 1
            if rounds % 100 == 0:
                read_cpu()

    def read_cpu() -> None:
        names = {str(thread.native_id): thread.name for thread in threading.enumerate()}
        for task in Path("/proc/self/task").iterdir():
            try:
                fields = (task / "stat").read_text().rpartition(")")
            except OSError:
                continue
            numbers = fields[2].split()
            name = names.get(task.name, "native:" + fields[0].partition("(")[2])
            cpu[f"{name}#{task.name}"] = (int(numbers[11]) + int(numbers[12])) * tick

    def write() -> None:
        ending.set()
        sampler.join(1)
        read_cpu()
        rows = [[name, list(stack), count] for (name, stack), count in stacks.items()]
        document = {"seconds": time.monotonic() - begun, "rounds": rounds, "cpu": cpu, "stacks": rows}
        target.write_text(json.dumps(document))

    sampler = threading.Thread(target=sample, name="sampler", daemon=True)
    atexit.register(write)
    sampler.start()


_arguments = getattr(sys, "orig_argv", [])
if os.environ.get("KAPPA_BENCH_PROFILE") and "kappaflow.server.worker" in _arguments:
    _start(Path(os.environ["KAPPA_BENCH_PROFILE"]))
