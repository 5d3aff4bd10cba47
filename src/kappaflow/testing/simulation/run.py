"""Run the world of a seed: ``python -m kappaflow.testing.simulation.run SEED`` prints what happens in it."""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import sys
import tempfile
import traceback
import warnings
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


@contextmanager
def left_to_the_seed() -> Generator[None]:
    """Nothing is collected at a moment that the seed does not decide, and killed coroutines do not complain."""
    was_enabled = gc.isenabled()
    gc.disable()
    gc.freeze()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="coroutine .* was never awaited", category=RuntimeWarning)
        try:
            yield
        finally:
            gc.collect()
            gc.unfreeze()
            if was_enabled:
                gc.enable()


def simulate(
    seed: int,
    *,
    prepare: Callable[[Broker], None] = lambda _: None,
    protocol: Protocol | None = None,
    verbose: bool = False,
) -> list[str]:
    """Run one world and return its trace.

    Args:
        prepare: called with each new broker before it serves.
        protocol: what workers are made of.
        verbose: whether every request, answer and change to the broker's disk is in the trace.

    Raises:
        SimulationFailed: something does not hold.
    """
    with left_to_the_seed():
        trace, problem = _run(seed, prepare, protocol, verbose=verbose)
    if problem:
        raise SimulationFailed("\n".join([*trace, problem, f"see it again with: make sim SEED={seed}"]))
    return trace


def _run(
    seed: int, prepare: Callable[[Broker], None], protocol: Protocol | None, *, verbose: bool
) -> tuple[list[str], str]:
    """The trace, and what does not hold; nothing of the world is left."""
    folder = Path(tempfile.mkdtemp(prefix="kappa-sim-", dir=MEMORY if MEMORY.is_dir() else None))
    world = World(seed, folder, prepare, protocol)
    if verbose:
        world.note_everything()
    problem = ""
    try:
        with seeded_entropy(seed):
            world.run()
    except (Violation, SimulationStuck) as error:
        problem = str(world.violation or error)
    except Exception as error:
        problem = str(world.violation or "".join(traceback.format_exception(error)))
    finally:
        world.close()
        shutil.rmtree(folder, ignore_errors=True)
    return world.trace, f"seed {seed} fails at {world.scheduler.now:.4f} s:\n{problem}" if problem else ""


def main() -> int:
    """Run one seed and print its trace."""
    parser = argparse.ArgumentParser(description="Run the simulated world of one seed and print what happens in it.")
    parser.add_argument("seed", type=int)
    parser.add_argument("--brief", action="store_true", help="without requests, answers and changes to the disk")
    arguments = parser.parse_args()
    try:
        lines = simulate(arguments.seed, verbose=not arguments.brief)
    except SimulationFailed as error:
        sys.stdout.write(f"{error}\n")
        return 1
    sys.stdout.write("\n".join([*lines, f"seed {arguments.seed} holds\n"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
