"""Worlds of many seeds hold; one that does not prints its seed, its history and how to see it again.

``KAPPA_SIMULATION_SEEDS=first:count`` runs other seeds, as ``make soak PART=simulation`` does.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from kappaflow.testing.simulation.run import simulate

FIRST, COUNT = (int(part) for part in os.environ.get("KAPPA_SIMULATION_SEEDS", "1:300").split(":"))
SEEDS_A_TEST = 25

REGRESSIONS = {
    87: "aborted records were visible after a loss of power: an index written again at a start was never synced",
    1133: "an offset went back: what a journal held after a failed sync was told, and lost with the power",
    4049: "the same with transactions of version 2",
    4511: "the same in a log: recovered records were read before they were durable",
    9165: "an aborted record was visible: zeros that power loss left in an index of aborted transactions were believed",
    6903: "the same in another index, to the engine's input",
    25091: "changes were lost: a restore ended where nothing came for a while, as the answer was lost",
    21117: "the same after a worker had stopped in a commit",
    19097: "corrupt bytes after a clean end: what a recovery had cut off came back with the next loss of power",
    13184: "the same for a whole segment that a recovery had removed",
    1808: "none in the broker: an answer that was long on its way was compared with later commits",
    10272: "none in the engine: the state of a worker that had not noticed the loss of its task was looked at",
    183: "none in the broker: the world ended while a worker was joining",
}
"""Seeds that found a defect once, and what it was."""


def slices() -> list[object]:
    found: list[object] = []
    for number, first in enumerate(range(FIRST, FIRST + COUNT, SEEDS_A_TEST)):
        group = pytest.mark.xdist_group(f"simulation-{number % 4}")
        found.append(
            pytest.param(range(first, min(first + SEEDS_A_TEST, FIRST + COUNT)), id=f"from-{first}", marks=group)
        )
    return found


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Faults are on purpose here; what the broker says of them is not news."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("seeds", slices())
def test_everything_promised_holds(seeds: range) -> None:
    for seed in seeds:
        simulate(seed)


def test_what_was_found_once_stays_mended() -> None:
    for seed in REGRESSIONS:
        simulate(seed)


def test_a_seed_has_one_history_in_every_process() -> None:
    command = [sys.executable, "-m", "kappaflow.testing.simulation.run", "7"]
    histories = [
        subprocess.run(
            command, env=os.environ | {"PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert histories[0] == histories[1]
    assert "worker0/1 asks Produce" in histories[0]
