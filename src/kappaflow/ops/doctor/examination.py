"""All rules over one observation."""

from __future__ import annotations

from collections.abc import Callable

from kappaflow.ops.doctor.disks import (
    brokers_uneven,
    directories_offline,
    directories_uneven,
    disks_full,
    disks_nearly_full,
)
from kappaflow.ops.doctor.findings import Finding, Severity, finding
from kappaflow.ops.doctor.listeners import passwords_readable, plaintext_listeners
from kappaflow.ops.doctor.machines import few_open_files, heap_large, heap_small
from kappaflow.ops.doctor.movement import reassignments_under_way, throttles_left_behind
from kappaflow.ops.doctor.observation import Observation, observe
from kappaflow.ops.doctor.partitions import (
    brokers_away,
    leaders_not_preferred,
    leaders_uneven,
    offline_partitions,
    under_min_in_sync,
    under_replicated,
)
from kappaflow.ops.doctor.replication import (
    min_in_sync_one,
    no_spare_replica,
    own_topics_thin,
    own_topics_unprotected,
    single_replica,
)
from kappaflow.ops.doctor.settings import (
    auto_create,
    delete_switched_off,
    large_messages,
    large_messages_of_topics,
    unclean_elections,
    unclean_elections_of_topics,
)
from kappaflow.ops.doctor.versions import versions_differ
from kappaflow.ops.session import OpsSession

Rule = Callable[[Observation], list[Finding]]
_ORDER = tuple(Severity)


def not_looked_at(seen: Observation) -> list[Finding]:
    """What could not be asked."""
    return [f for what, why in seen.unseen.items() for f in finding("not_looked_at", Severity.WARNING, [what], why=why)]


RULES: tuple[Rule, ...] = (
    offline_partitions,
    under_min_in_sync,
    under_replicated,
    brokers_away,
    directories_offline,
    disks_full,
    disks_nearly_full,
    own_topics_unprotected,
    own_topics_thin,
    single_replica,
    no_spare_replica,
    min_in_sync_one,
    unclean_elections,
    unclean_elections_of_topics,
    auto_create,
    delete_switched_off,
    large_messages,
    large_messages_of_topics,
    plaintext_listeners,
    passwords_readable,
    throttles_left_behind,
    reassignments_under_way,
    leaders_not_preferred,
    leaders_uneven,
    brokers_uneven,
    directories_uneven,
    heap_large,
    heap_small,
    few_open_files,
    versions_differ,
    not_looked_at,
)


def judge(seen: Observation) -> list[Finding]:
    """What the rules find in an observation, the worst first."""
    return sorted((f for rule in RULES for f in rule(seen)), key=lambda f: _ORDER.index(f.severity))


def examine(session: OpsSession) -> list[Finding]:
    """Look at a cluster and say what is wrong with it, the worst first; nothing where all is well.

    Raises:
        BrokerUnreachable: no broker answers.
    """
    return judge(observe(session))
