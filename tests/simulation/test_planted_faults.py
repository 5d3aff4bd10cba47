"""Broken variants of broker and worker: each is noticed, by the check that is there for it.

A variant is tried with seeds that are known to notice it. When the worlds change so that they do not any more, others
are looked for from 1 on: a variant that none of ``SEEDS_MAX`` notices is a hole in the simulation.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import nullcontext
from typing import NamedTuple

import pytest

from kappaflow.testing.simulation.planted_faults import BROKER_FAULTS, WORKER_FAULTS, planted
from kappaflow.testing.simulation.run import SimulationFailed, simulate

SEEDS_MAX = 60


class Noticed(NamedTuple):
    """Which seed notices a variant, and a part of what it says."""

    seed: int
    says: str


NOTICED = {
    "the state batch is written before EndTxn": Noticed(2, "the input gives"),
    "stores are restored only to the last stable offset": Noticed(3, "the state of"),
    "input goes on from local offsets": Noticed(41, "group counting, ('accounts', 2): the offset went"),
    "journals are not synced": Noticed(2, "the broker does not start"),
    "a journal is taken as it was read after an unclean end": Noticed(4049, "the offset went from 61 back"),
    "logs are taken as they were read after an unclean end": Noticed(21, "was acknowledged at 26 and is at None"),
    "what a device refused is only synced again": Noticed(21, "was acknowledged at 26 and is at None"),
    "a journal that a device refused is only synced again": Noticed(4049, "the offset went from 61 back"),
    "markers are not driven again after a restart": Noticed(15, "the workers are still behind"),
    "only the last batch of a producer is remembered": Noticed(1, "clients are not done"),
    "the last stable offset is not held back": Noticed(1, "the results of"),
    "a new producer gets the epoch of the one before": Noticed(5, "was committed and is not there"),
    "a transaction is complete before its markers are durable": Noticed(2, "the total of all accounts"),
    "records are acknowledged before they are synced": Noticed(2, "was acknowledged, the log ends at"),
    "the indexes of aborted transactions are not synced": Noticed(1, "after a clean restart: the results of"),
    "recovery does not check batches": Noticed(18, "CRC"),
    "offsets of a transaction count before it is committed": Noticed(2, "the input gives"),
    "committed offsets are not journalled": Noticed(1, "was committed, none is left"),
    "compaction removes the last value of a key": Noticed(2, "the changelog of"),
    "sequences and epochs of producers are not checked": Noticed(1, "is there twice"),
    "aborted transactions are not indexed": Noticed(1, "the total of all accounts"),
    "waiting offsets are not held back from readers": Noticed(134, "the input gives"),
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Faults are on purpose here; what the broker says of them is not news."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def failure(name: str, seed: int) -> str:
    """What a world with a variant fails with; empty where it holds."""
    fault = BROKER_FAULTS.get(name)
    try:
        with planted(fault) if fault is not None else nullcontext():
            simulate(seed, protocol=WORKER_FAULTS.get(name))
    except SimulationFailed as error:
        return str(error).partition(f"seed {seed} fails")[2]
    return ""


@pytest.mark.parametrize("name", [*WORKER_FAULTS, *BROKER_FAULTS])
def test_a_broken_variant_is_noticed(name: str) -> None:
    known = NOTICED[name]
    seeds = [known.seed, *range(1, SEEDS_MAX)]
    said = next((text for seed in seeds if (text := failure(name, seed))), "")
    assert known.says in said, f"{name}: {said or f'none of {SEEDS_MAX} seeds notices it'}"
