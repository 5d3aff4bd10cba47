"""Other voters, as a plan: new ones one by one; of those that go the ones that are down first, the leader last."""

from __future__ import annotations

from collections.abc import Sequence

from kappaflow.errors import UnsafeError, UsageError
from kappaflow.ops.hosts.properties import read_property
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.quorum import texts as _texts
from kappaflow.ops.quorum.controllers import (
    controllers,
    joins_by_itself,
    only_controls,
    properties_of,
    quorum_listeners,
)
from kappaflow.ops.quorum.status import QuorumStatus, majority, quorum_status
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, message, text

assert _texts
KRAFT_VERSION = "kraft.version"
ADD_RAFT_VOTER = 80


def _require_dynamic(session: OpsSession) -> None:
    """Hold that voters can be changed at run time.

    Source: KIP-853, which needs ``kraft.version`` 1 or later.

    Raises:
        UnsafeError: every server's file names the voters.
    """
    feature = session.admin.features.describe().get(KRAFT_VERSION)
    if not session.admin.supports(ADD_RAFT_VOTER) or feature is None or feature.level < 1:
        raise UnsafeError(message("quorum.static"))


def plan_add(session: OpsSession, numbers: Sequence[int]) -> Plan:
    """A plan that makes controllers voters.

    The context names them as hosts with the role ``controller`` and their properties files. Their storage is formatted
    (``kafka-storage.sh format --no-initial-controllers``); those that do not run are started.

    Raises:
        UsageError: a controller is not named, is a voter already, or its file does not say where it listens.
        UnsafeError: the voters are fixed, or have no majority now.
    """
    status = quorum_status(session)
    hosts = controllers(session)
    wanted = sorted(set(numbers))
    for number in wanted:
        if status.voter(number) is not None:
            raise UsageError(message("quorum.member", node=number))
        if number not in hosts:
            raise UsageError(message("quorum.no_host", node=number))
        named = read_property(properties_of(hosts[number]), "node.id")
        if named != str(number):
            file = hosts[number].entry.config_file
            raise UsageError(message("quorum.other_node", node=number, file=file, named=named or "-"))
        quorum_listeners(hosts[number])
    _require_dynamic(session)
    if status.leader_id < 0 or status.can_lose < 0:
        raise UnsafeError(message("quorum.heal_first", problems="; ".join(map(str, status.problems()))))
    steps: list[Step] = []
    for number in wanted:
        steps += [Step("quorum.start", {"node": number}), Step("quorum.add", {"node": number})]
    before, after = len(status.voters), len(status.voters) + len(wanted)
    return new_plan(
        session,
        text("quorum.add.title", before=before, after=after),
        steps,
        effects=[_arithmetic(before), _arithmetic(after), text("quorum.bootstrap")],
        warnings=_even(after),
    )


def plan_remove(session: OpsSession, numbers: Sequence[int], *, stop: bool = True) -> Plan:
    """A plan that takes controllers out of the voters; they may be down.

    Args:
        session: the cluster.
        numbers: the controllers.
        stop: whether their processes end then; those of brokers never do.

    Raises:
        UsageError: one is no voter, or makes itself a voter again.
        UnsafeError: the voters are fixed, or those that stay would have no majority at some time.
    """
    status = quorum_status(session)
    unknown = sorted(number for number in set(numbers) if status.voter(number) is None)
    if unknown:
        raise UsageError(message("quorum.no_member", node=unknown[0]))
    hosts = controllers(session) if session.context.hosts else {}
    for number in sorted(set(numbers) & set(hosts)):
        if joins_by_itself(hosts[number]):
            raise UsageError(message("quorum.auto_join", node=number, file=hosts[number].entry.config_file))
    _require_dynamic(session)
    order = removal_order(status, numbers)
    rest = status
    for number in order:
        against = rest.against_removal(number)
        if against:
            raise UnsafeError("; ".join(map(str, against)))
        rest = rest.without(number)
    steps: list[Step] = []
    for number in order:
        member = status.voter(number)
        steps.append(Step("quorum.remove", {"node": number, "serves": member is not None and member.fresh}))
        if stop and number in hosts and only_controls(hosts[number]):
            steps.append(Step("quorum.stop", {"node": number}))
    stopped = {step.arguments["node"] for step in steps if step.action == "quorum.stop"}
    staying = sorted(set(order) - stopped)
    before, after = len(status.voters), len(rest.voters)
    return new_plan(
        session,
        text("quorum.remove.title", nodes=", ".join(map(str, sorted(order))), after=after),
        steps,
        effects=[
            _arithmetic(before),
            _arithmetic(after),
            *([text("quorum.stays", nodes=", ".join(map(str, staying)))] if staying else []),
            text("quorum.bootstrap"),
        ],
        warnings=_even(after),
        confirmation=",".join(map(str, sorted(order))),
    )


def removal_order(status: QuorumStatus, numbers: Sequence[int]) -> list[int]:
    """Those that are down first, for each of them that goes the majority gets smaller; the leader last."""

    def key(number: int) -> tuple[bool, bool, int]:
        member = status.voter(number)
        return number == status.leader_id, member is not None and member.fresh, number

    return sorted(set(numbers), key=key)


def _even(voters: int) -> list[Text]:
    return [text("quorum.even", voters=voters, fewer=voters - 1)] if voters % 2 == 0 else []


def _arithmetic(voters: int) -> Text:
    return text("quorum.arithmetic", voters=voters, quorum=majority(voters), lose=voters - majority(voters))
