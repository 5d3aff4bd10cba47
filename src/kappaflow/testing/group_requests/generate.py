"""Random conversations about one group.

They stay within what two brokers have to answer alike: members ask for the range assignor, whose ranges depend on
names alone, and nothing waits for time to pass.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from kappaflow.testing.group_requests import operations as said
from kappaflow.testing.group_requests.operations import KNOWN, Operation, Owned, joining

TOPICS = ("t", "u", "v")
CONSUMERS = ("a", "b", "c", "d")
CLASSICS = ("k", "l")
APART = "w"
"""A topic of classic members with ids that the broker makes: where they stand among other members is chance."""
INSTANCES = ("i", "j")
MAX_PARTITIONS = 6
EPOCHS = (*(KNOWN,) * 12, KNOWN - 1, KNOWN - 2, KNOWN + 1, 1)


@dataclass
class _Plan:
    """What has been said so far.

    Attributes:
        rng: decides everything.
        partitions: of each topic that there is.
        joined: members that have joined and not left.
        instances: the static name of each member, None for none; a client never changes it.
        mixes: whether classic members share a group with others.
    """

    rng: random.Random
    mixes: bool = False
    partitions: dict[str, int] = field(default_factory=dict[str, int])
    joined: set[str] = field(default_factory=set[str])
    instances: dict[str, str | None] = field(default_factory=dict[str, str | None])

    def some_topics(self) -> tuple[str, ...]:
        return tuple(sorted(self.rng.sample(TOPICS, self.rng.randint(1, len(TOPICS)))))

    def one_of(self, members: tuple[str, ...]) -> str:
        """One of the members, mostly one that has joined."""
        there = [name for name in members if name in self.joined]
        return self.rng.choice(there if there and self.rng.random() < 0.85 else members)

    def instance_of(self, member: str) -> str | None:
        """The instance id of a member, mostly."""
        return self.instances[member] if self.rng.random() < 0.95 else self.rng.choice((None, *INSTANCES))

    def partition_numbers(self, topic: str) -> tuple[int, ...]:
        count = self.partitions.get(topic, 1)
        return tuple(sorted({self.rng.randrange(count + (self.rng.random() < 0.1)) for _ in range(2)}))


def random_conversation(seed: int, length: int = 40) -> list[Operation]:
    """Operations about one group ``g``, the same ones for the same seed.

    Args:
        seed: decides everything.
        length: about how many operations.
    """
    plan = _Plan(random.Random(seed))
    for member in CONSUMERS + CLASSICS:
        plan.instances[member] = plan.rng.choice((None, None, *INSTANCES))
    found: list[Operation] = []
    for topic in (*TOPICS[: plan.rng.randint(1, 2)], APART):
        found.append(_create(plan, topic))
    protocols = plan.rng.choice(("consumer", "consumer", "classic", "both"))
    plan.mixes = protocols == "both"
    if plan.mixes and not any(plan.instances[member] for member in CLASSICS):
        plan.instances[CLASSICS[1]] = INSTANCES[0]
    moves = _moves(protocols)
    while len(found) < length:
        found += plan.rng.choice(moves)(plan)
        if plan.rng.random() < 0.4:
            found.append(plan.rng.choice((said.Describe(), said.Describe(), said.DescribeClassic(), said.ListAll())))
    return [*found, said.Describe(), said.DescribeClassic(), said.ListAll(), said.FetchOffsets()]


_Move = Callable[[_Plan], list[Operation]]


def _moves(protocols: str) -> list[_Move]:
    """Which moves a conversation is made of, as often as they are to come."""
    moves: list[_Move] = [_commit, _commit, _fetch_offsets, _commit_in_transaction, _change_topic, _delete]
    if protocols != "classic":
        moves += [_join] * 5 + [_stay] * 12 + [_leave] * 3 + [_subscribe]
    if protocols != "consumer":
        moves += [_join_classic] * 5 + [_stay_classic] * 5 + [_rebalance] * 2 + [_leave_classic] * 2
    return moves


# -- consumer members -----------------------------------------------------------------------------------------


def _join(plan: _Plan) -> list[Operation]:
    member = plan.rng.choice(CONSUMERS)
    plan.joined.add(member)
    return [joining(member, *plan.some_topics(), assignor="range", instance=plan.instances[member])]


def _stay(plan: _Plan) -> list[Operation]:
    member = plan.one_of(CONSUMERS)
    owned = plan.rng.choice(
        (Owned.UNSAID, Owned.UNSAID, Owned.GIVEN, Owned.GIVEN, Owned.NOTHING, Owned.FIRST_HALF, Owned.OTHERS)
    )
    one = said.MemberHeartbeat(
        member, plan.rng.choice(EPOCHS), instance=plan.instance_of(member), owned=owned, version=plan.rng.choice((0, 1))
    )
    if plan.rng.random() < 0.2:
        one = replace(one, rebalance_ms=60_000, topics=plan.some_topics(), assignor="range")
    return [one]


def _subscribe(plan: _Plan) -> list[Operation]:
    member = plan.one_of(CONSUMERS)
    topics = plan.some_topics() if plan.rng.random() < 0.9 else ()
    return [said.MemberHeartbeat(member, instance=plan.instance_of(member), topics=topics)]


def _leave(plan: _Plan) -> list[Operation]:
    member = plan.one_of(CONSUMERS)
    instance = plan.instance_of(member)
    epoch = plan.rng.choice((-1, -2)) if instance is not None else plan.rng.choice((-1, -1, -1, -2))
    plan.joined.discard(member)
    return [said.MemberHeartbeat(member, epoch, instance=instance)]


# -- classic members ------------------------------------------------------------------------------------------


def _join_classic(plan: _Plan) -> list[Operation]:
    member = plan.rng.choice(CLASSICS)
    instance = plan.instances[member]
    plan.joined.add(member)
    topics = (APART,) if plan.mixes and instance is None else plan.some_topics()
    one = said.Join(
        member, topics, plan.rng.choice((Owned.GIVEN, Owned.NOTHING)), instance=instance,
        forgets=instance is not None and plan.rng.random() < 0.3,
    )  # fmt: skip
    # A member without an id is told one first.
    return [one] if instance is not None else [one, one]


def _stay_classic(plan: _Plan) -> list[Operation]:
    member = plan.one_of(CLASSICS)
    instance, epoch = plan.instance_of(member), plan.rng.choice(EPOCHS)
    match plan.rng.randrange(4):
        case 0:
            return [said.Sync(member, epoch, _shares(plan), instance=instance)]
        case 1:
            return [said.Collect(member)]
        case _:
            return [said.Heartbeat(member, epoch, instance)]


def _rebalance(plan: _Plan) -> list[Operation]:
    """All members that are there join again and are given their shares."""
    there = [name for name in CLASSICS if name in plan.joined]
    topics, shares = plan.some_topics(), _shares(plan)
    joins: list[Operation] = [
        said.Join(
            name, (APART,) if plan.mixes and plan.instances[name] is None else topics, Owned.GIVEN,
            instance=plan.instances[name],
        )
        for name in there
    ]  # fmt: skip
    syncs: list[Operation] = [said.Sync(name, KNOWN, shares, instance=plan.instances[name]) for name in there]
    collects: list[Operation] = [said.Collect(name) for name in there]
    return [*joins, *collects, *syncs, *collects]


def _shares(plan: _Plan) -> dict[str, dict[str, tuple[int, ...]]]:
    there = [name for name in CLASSICS if name in plan.joined]
    return {
        name: {
            topic: parts
            for topic, count in sorted(plan.partitions.items())
            if (parts := tuple(range(place, count, len(there))))
        }
        for place, name in enumerate(there)
    }


def _leave_classic(plan: _Plan) -> list[Operation]:
    member = plan.one_of(CLASSICS)
    instance = plan.instance_of(member)
    plan.joined.discard(member)
    return [said.Leave(member, instance)]


# -- offsets, topics, groups ----------------------------------------------------------------------------------


def _commit(plan: _Plan) -> list[Operation]:
    member = plan.one_of(CONSUMERS + CLASSICS) if plan.rng.random() < 0.9 else ""
    epoch = plan.rng.choice((*EPOCHS, -1)) if member else -1
    topic = plan.rng.choice(TOPICS)
    return [
        said.Commit(
            member, epoch, topic, plan.partition_numbers(topic), plan.rng.randrange(100),
            plan.instance_of(member) if member else None, plan.rng.choice((8, 9, 9, 10)),
        )
    ]  # fmt: skip


def _fetch_offsets(plan: _Plan) -> list[Operation]:
    topic = plan.rng.choice((None, *TOPICS))
    numbers = plan.partition_numbers(topic or "t")
    stable = plan.rng.random() < 0.5
    if plan.rng.random() < 0.5:
        return [said.FetchOffsets(None, -1, topic, numbers, stable, plan.rng.choice((7, 8, 9)))]
    return [said.FetchOffsets(plan.one_of(CONSUMERS), plan.rng.choice(EPOCHS), topic, numbers, stable)]


def _commit_in_transaction(plan: _Plan) -> list[Operation]:
    member = plan.one_of(CONSUMERS + CLASSICS) if plan.rng.random() < 0.8 else ""
    epoch = plan.rng.choice((*EPOCHS, -1)) if member else -1
    instance = plan.instance_of(member) if member else None
    topic = plan.rng.choice(list(plan.partitions) or ["t"])
    if plan.rng.random() < 0.3:
        return [said.EndTransaction(plan.rng.random() < 0.7)]
    commits = plan.rng.choice((True, False, None, None))
    return [said.CommitInTransaction(member, epoch, topic, plan.rng.randrange(100), commits, instance)]


def _create(plan: _Plan, topic: str) -> Operation:
    plan.partitions[topic] = plan.rng.randint(1, MAX_PARTITIONS - 1)
    return said.CreateTopic(topic, plan.partitions[topic])


def _change_topic(plan: _Plan) -> list[Operation]:
    topic = plan.rng.choice(TOPICS)
    if topic not in plan.partitions:
        return [_create(plan, topic)]
    if plan.rng.random() < 0.3:
        del plan.partitions[topic]
        return [said.DeleteTopic(topic)]
    if plan.partitions[topic] < MAX_PARTITIONS:
        plan.partitions[topic] += 1
        return [said.GrowTopic(topic, plan.partitions[topic])]
    return []


def _delete(plan: _Plan) -> list[Operation]:
    if plan.rng.random() < 0.5:
        return [said.DeleteGroup()]
    topic = plan.rng.choice(TOPICS)
    return [said.DeleteOffsets(topic, plan.partition_numbers(topic))]
