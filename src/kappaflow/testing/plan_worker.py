"""Work on a plan in a process of its own that may be killed, on a world that outlives it.

The world is anything with ``session()`` that can be pickled, such as a simulated cluster. It lies in a file that is
replaced after every call to one of its faces, so that what a killed process had done to it is there for the next one,
as with a real cluster; what the process had only in memory is gone.

    write_world(home, cluster)
    write_plan(plan, home / PLAN)
    assert run_worker(home, "apply", "plan.step.applied:2") == -signal.SIGKILL
    assert run_worker(home, "apply") == 0
    read_world(home)
"""

from __future__ import annotations

import multiprocessing
import pickle
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from kappaflow.errors import PlanError, UnsafeError
from kappaflow.ops.plans import AuditLog, PlanJournal, PlanRunner, read_plan
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.crash_points import set_crash_point

PLAN, WORLD = "plan.json", "world"
PROBLEMS, NOT_BEGUN, REFUSED = 1, 2, 3
"""How a worker ends where it is not done: something is not as planned, nothing was to be done, refused."""

_FACES = (
    "topics", "configs", "groups", "log_dirs", "placement", "transactions",
    "acls", "quotas", "users", "quorum", "features",
)  # fmt: skip
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["__main__", "kappaflow.testing.plan_worker", "kappaflow.testing.simulated_cluster"])


def write_world(home: Path, world: Any) -> None:
    """Keep a world; whole or not at all."""
    temporary = home / f"{WORLD}.tmp"
    temporary.write_bytes(pickle.dumps(world))
    temporary.replace(home / WORLD)


def read_world(home: Path) -> Any:
    """The world as the last worker left it."""
    return pickle.loads((home / WORLD).read_bytes())


def run_worker(
    home: Path, work: Literal["apply", "undo"], crash_at: str = "", modules: Sequence[Path] = ()
) -> int | None:
    """Apply or undo the plan of a folder, and wait for the end.

    Args:
        home: the folder, with the plan and the world.
        work: which.
        crash_at: the crash point at which the process is killed; to the end by default.
        modules: folders with modules that the world's classes are in.

    Returns:
        The exit code: 0, or one of this module's; below 0 the signal that ended it.
    """
    process = _CONTEXT.Process(target=_work, args=(home, work, crash_at, [str(path) for path in modules]))
    process.start()
    process.join()
    code = process.exitcode
    process.close()
    return code


def _work(home: Path, work: str, crash_at: str, modules: Sequence[str]) -> None:
    sys.path[:0] = modules
    set_crash_point(crash_at)
    world = read_world(home)
    plan = read_plan(home / PLAN)
    with PlanJournal(plan, home / "journal") as journal:
        runner = PlanRunner(_durable(world, home), plan, journal, AuditLog(home / "audit.jsonl"))
        try:
            getattr(runner, work)()
        except UnsafeError as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(REFUSED)
        except PlanError as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(NOT_BEGUN)
        problems = runner.verify()
    write_world(home, world)
    sys.stderr.write("".join(f"{problem.problem}\n" for problem in problems))
    sys.exit(PROBLEMS if problems else 0)


def _durable(world: Any, home: Path) -> OpsSession:
    """The world's session; whatever is asked of its faces is followed by writing the world to its file."""
    session: OpsSession = world.session()

    def keep() -> None:
        write_world(home, world)

    def pause(seconds: float) -> None:
        session.pause(seconds)
        keep()

    admin: Any = _Keeping(session.admin, keep)
    hosts: Any = _Keeping(session.hosts, keep) if session.context.hosts else None
    return OpsSession(session.context, admin=admin, hosts=hosts, clock=session.clock, pause=pause)


class _Keeping:
    """A face, or a machine, whose every call is followed by another one."""

    def __init__(self, inner: Any, keep: Callable[[], None]) -> None:
        self._inner = inner
        self._keep = keep

    def __len__(self) -> int:
        return len(self._inner)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name in _FACES:
            return _Keeping(found, self._keep)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            try:
                answer = found(*arguments, **named)
            finally:
                self._keep()
            if isinstance(answer, list) and answer and hasattr(answer[0], "service_state"):
                return [_Keeping(host, self._keep) for host in answer]
            return _Keeping(answer, self._keep) if hasattr(answer, "service_state") else answer

        return call
