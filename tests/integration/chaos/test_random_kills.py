"""kill -9 of any process at any moment under load, round after round; everything is checked after each."""

from __future__ import annotations

import os
import random

import pytest

from kappaflow.testing.chaos.faults import kill_at_random
from kappaflow.testing.chaos.world import Parameters, World

pytestmark = [pytest.mark.real]

SEEDS = [int(seed) for seed in os.environ.get("KAPPA_CHAOS_SEEDS", "1,2,3,4,5").split(",")]
KILLS = int(os.environ.get("KAPPA_CHAOS_KILLS", "20"))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "world", [pytest.param(Parameters(workers=2, seed=seed), id=f"seed-{seed}") for seed in SEEDS], indirect=True
)
def test_whatever_is_killed_results_stay_exact(world: World, request: pytest.FixtureRequest) -> None:
    rng = random.Random(request.node.callspec.id)
    for _ in range(KILLS):
        world.wait_for_load(rng.randrange(40, 600))
        kill_at_random(world.server, rng)
        world.wait_for_load(40)
        world.check()
        world.ledger.start()
