"""End a hanging transaction in its partition, or an open one everywhere, as plans."""

from __future__ import annotations

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import UsageError
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.ops.transactions import texts as _texts
from kappaflow.ops.transactions.hanging import find_hanging
from kappaflow.ops.transactions.listing import describe_transaction
from kappaflow.runtime.messages import message, text

assert _texts


def plan_abort(
    session: OpsSession, partition: TopicPartition, start_offset: int, *, even_if_owned: bool = False
) -> Plan:
    """A plan that aborts the transaction that begins at an offset of a partition. It cannot be undone.

    Args:
        session: the cluster.
        partition: where it hangs.
        start_offset: where it begins there, as `find_hanging` tells.
        even_if_owned: also where a coordinator still knows it; that breaks the transaction in two.

    Raises:
        UsageError: no transaction begins there, or it does not hang.
    """
    producers = session.admin.transactions.producers([partition]).get(partition, [])
    chosen = [p for p in producers if p.transaction_start == start_offset]
    if not chosen:
        raise UsageError(message("transaction.none", partition=str(partition), offset=start_offset))
    hanging = [h for h in find_hanging(session, [partition], 0) if h.producer == chosen[0]]
    if not hanging and not even_if_owned:
        raise UsageError(message("transaction.owned", partition=str(partition), offset=start_offset))
    arguments = {
        "topic": partition.topic,
        "partition": partition.partition,
        "producer_id": chosen[0].producer_id,
        "start": start_offset,
    }
    title = text("transaction.abort.title", producer=chosen[0].producer_id, partition=str(partition))
    effects = [text("transaction.abort.effect", partition=str(partition), offset=start_offset)]
    warnings = [] if hanging else [text("transaction.abort.torn")]
    return new_plan(
        session,
        title,
        [Step("transaction.abort", arguments)],
        effects=effects,
        warnings=warnings,
        confirmation=str(chosen[0].producer_id),
    )


def plan_terminate(session: OpsSession, transactional_id: str) -> Plan:
    """A plan that aborts the open transaction of a transactional id in all its partitions and fences its producer.

    Source: ``kafka-transactions.sh forceTerminateTransaction`` (KIP-939).

    Raises:
        UsageError: no coordinator knows the id, or it has no open transaction.
    """
    row = describe_transaction(session, transactional_id)
    state = row.transaction
    if row.open_s is None:
        raise UsageError(message("transaction.not_open", transactional_id=transactional_id, state=state.state))
    arguments = {
        "transactional_id": transactional_id,
        "producer_id": state.producer_id,
        "producer_epoch": state.producer_epoch,
        "start_ms": state.start_ms,
    }
    return new_plan(
        session,
        text("transaction.terminate.title", transactional_id=transactional_id),
        [Step("transaction.terminate", arguments)],
        effects=[text("transaction.terminate.effect", partition=str(partition)) for partition in state.partitions],
        warnings=[text("transaction.terminate.fenced", transactional_id=transactional_id)],
        confirmation=transactional_id,
    )
