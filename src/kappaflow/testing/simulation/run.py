"""Run the world of a seed: ``python -m kappaflow.testing.simulation.run SEED`` prints what happened."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from kappaflow.testing.simulation.counting import Protocol
from kappaflow.testing.simulation.event_loop import SimulationStuck
from kappaflow.testing.simulation.world import Violation, World

if TYPE_CHECKING:
    from kappaflow.broker.broker import Broker

MEMORY = Path("/dev/shm")


class SimulationFailed(AssertionError):
    """A seed fails; the text says what does not hold, what happened before, and how to see it again."""


@contextmanager
def seeded_entropy(seed: int) -> Generator[None]:
    """Ids that are drawn from the system come from the seed."""
    random, before = Random(f"{seed}/entropy"), os.urandom
    os.urandom = random.randbytes
    try:
        yield
    finally:
        os.urandom = before


def simulate(
    seed: int, *, prepare: Callable[[Broker], None] = lambda _: None, protocol: Protocol | None = None
) -> list[str]:
    """Run one world and return its trace.

    Raises:
        SimulationFailed: something does not hold.
    """
    folder = Path(tempfile.mkdtemp(prefix="kappa-sim-", dir=MEMORY if MEMORY.is_dir() else None))
    world = World(seed, folder, prepare, protocol)
    try:
        with seeded_entropy(seed):
            world.run()
    except (Violation, SimulationStuck, AssertionError) as error:
        problem = f"seed {seed} fails at {world.scheduler.now:.4f} s:\n{world.violation or error}"
        again = f"see it again with: make sim SEED={seed}"
        raise SimulationFailed("\n".join([*world.trace, problem, again])) from error
    finally:
        world.close()
        shutil.rmtree(folder, ignore_errors=True)
    return world.trace


def main() -> int:
    """Run one seed and print its trace."""
    seed = int(sys.argv[1])
    try:
        lines = simulate(seed)
    except SimulationFailed as error:
        sys.stdout.write(f"{error}\n")
        return 1
    sys.stdout.write("\n".join([*lines, f"seed {seed} holds\n"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
