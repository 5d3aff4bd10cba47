"""A member of a consumer group.

    with GroupMembership(config, "query-1", ["orders"], StickyAssignor(), on_assigned, on_revoked) as member:
        while running:
            member.poll()          # runs on_assigned and on_revoked here, on the caller's thread
            ...
            offsets.commit(positions, member.generation())

Heartbeats and joins run on the connection's I/O thread.  The two callbacks run inside ``poll``: the member joins
the next generation only after ``on_revoked`` has returned, and heartbeats go on while it works.

    joining ──assignment──▶ assigned ──rebalance, or a place lost──▶ on_revoked ──▶ joining

A static member (``group_instance_id``) that goes away without leaving and comes back within its session time-out
gets its old assignment, and the others notice nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from kappaflow.client.assignors import Assignor, GroupMember
from kappaflow.client.broker_errors import translate
from kappaflow.client.connection import ClientConfig, open_connection
from kappaflow.client.group_lanes import GroupLanes
from kappaflow.client.kafka_python import (
    BaseCoordinator,
    Future,
    consumer_messages,
    kafka_errors,
)
from kappaflow.client.metadata import Metadata
from kappaflow.client.offsets import GroupGeneration
from kappaflow.errors import KappaError
from kappaflow.runtime.closing import Closing

PROTOCOL_TYPE = "consumer"
DRIVE_INTERVAL_S = 0.05
STABLE_INTERVAL_S = 0.2
RETRY_BACKOFF_S = 0.1
LEAVE_TIMEOUT_MS = 3_000

AssignedCallback = Callable[[bytes, GroupGeneration], object]
RevokedCallback = Callable[[bool], object]


class GroupMembership(Closing):
    """Membership in one group, on a connection of its own."""

    def __init__(
        self,
        config: ClientConfig,
        group_id: str,
        topics: Sequence[str],
        assignor: Assignor,
        on_assigned: AssignedCallback,
        on_revoked: RevokedCallback,
        *,
        group_instance_id: str | None = None,
        session_timeout_ms: int = 10_000,
        heartbeat_interval_ms: int | None = None,
        max_poll_interval_ms: int = 300_000,
        coordinator: Any = None,
        on_event: Callable[[], object] | None = None,
    ) -> None:
        """Connect and begin to join.

        Args:
            config: how to reach the cluster.
            group_id: the group.
            topics: what the group reads; an assignment counts their partitions.
            assignor: who gets what.
            on_assigned: called with the assignment and the generation, after every join.
            on_revoked: called before the assignment is given back; the argument says whether the place was lost
                already, so that offsets cannot be committed any more.
            group_instance_id: makes the member static.
            session_timeout_ms: without a heartbeat for so long, the group goes on without this member.
            heartbeat_interval_ms: by default a tenth of the session time-out, or a third where many members share the
                I/O threads, and at most 3 s.
            max_poll_interval_ms: without ``poll`` for so long, the member leaves; also bounds a rebalance.
            coordinator: the group's, as just looked up; by default, and when it moves, the member looks it up.
            on_event: called on the I/O thread when ``poll`` has something to do.

        Raises:
            BrokerUnreachable: no broker answers.
        """
        self._topics = tuple(topics)
        self._assignor = assignor
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        self._on_event = on_event
        self._lock = threading.Condition()
        self._events: deque[Callable[[], object]] = deque()
        self._error: KappaError | None = None
        self._assignment = b""
        self._generation = GroupGeneration()
        self._has_posted = False
        self._counts: dict[str, int] = {}
        self._closing = False
        self._static = group_instance_id is not None
        self._connection = open_connection(config, f"group-{group_id}")
        self._revoked: Any = None
        self._metadata = Metadata(self._connection, self._on_metadata)
        self._metadata.track(topics)
        self._coordinator = _Coordinator(
            self,
            self._connection.group_client(),
            group_id=group_id,
            group_instance_id=group_instance_id,
            session_timeout_ms=session_timeout_ms,
            heartbeat_interval_ms=heartbeat_interval_ms or _heartbeat_ms(session_timeout_ms, config.patience),
            max_poll_interval_ms=max_poll_interval_ms,
            request_timeout_ms=config.request_timeout_ms,
            api_version=self._connection.manager.broker_version,
        )
        self._coordinator.known = coordinator
        self._own_interval = heartbeat_interval_ms is None
        self._session_timeout_ms = session_timeout_ms
        self._driver = self._connection.spawn(self._drive)

    # ---- the caller's side ----

    def poll(self, timeout_s: float = 0.0) -> bool:
        """Run the callbacks that are due, and tell the group that this member is alive.

        Args:
            timeout_s: how long to wait for one.

        Returns:
            Whether a callback ran.

        Raises:
            BrokerError: the member cannot be in the group, such as ``FENCED_INSTANCE_ID``.
        """
        with self._lock:
            if not self._events and self._error is None and timeout_s > 0:
                self._lock.wait(timeout_s)
            if self._error is not None:
                raise self._error
            events = list(self._events)
            self._events.clear()
        try:
            self._coordinator.poll_heartbeat()
        except kafka_errors.KafkaError as error:
            raise translate(error, f"stay in group {self._coordinator.group_id}") from error
        for event in events:
            event()
        return bool(events)

    def wait(self, timeout_s: float) -> None:
        """Wait until ``poll`` has something to do."""
        with self._lock:
            if not self._events and self._error is None:
                self._lock.wait(timeout_s)

    def keep_alive(self) -> bool:
        """Tell the group that this member is alive while it works on a callback, and whether others wait for it."""
        self._coordinator.poll_heartbeat()
        with self._lock:
            return bool(self._events) or self._error is not None

    def generation(self) -> GroupGeneration:
        """The generation of the last assignment that ``poll`` delivered, for commits; that of no member before.

        Not the one of the moment: a member that fell out of its group has none, and a transaction that names none
        is not fenced, although others may work on the same partitions by then.
        """
        return self._generation

    def request_rejoin(self) -> None:
        """Ask for a new assignment, because this member's metadata changed."""
        self._connection.call_soon(self._coordinator.request_rejoin)

    def refresh_metadata(self) -> None:
        """Look now whether the topics have grown, instead of when the metadata is next due."""
        self._connection.call_soon(self._metadata.refresh)

    def close(self, *, leave: bool | None = None) -> None:
        """Go.

        Args:
            leave: whether the others take over at once; by default a dynamic member leaves and a static one
                keeps its place until its session time-out.
        """
        if self._closing:
            return
        self._closing = True
        try:
            self._connection.run(self._coordinator.depart, not self._static if leave is None else leave)
        except (kafka_errors.KafkaError, RuntimeError):
            pass  # The coordinator is gone or silent: the session time-out does the rest.
        finally:
            # Others may go on with the connections: nothing of this member is to be sent any more.
            self._connection.call_soon(self._end)
            self._metadata.close()
            self._connection.close()

    # ---- the I/O thread's side ----

    def _end(self) -> None:
        self._coordinator.lanes.end()
        self._coordinator.stir()
        if self._revoked is not None and not self._revoked.is_done:
            self._revoked.failure(kafka_errors.IllegalStateError("The member has gone."))

    def _post(self, event: Callable[[], object]) -> None:
        with self._lock:
            self._events.append(event)
            self._lock.notify_all()
        self._tell()

    def _tell(self) -> None:
        if self._on_event is not None:
            self._on_event()

    async def _drive(self) -> None:
        while not self._closing:
            try:
                if self._topic_counts() is None:
                    self._metadata.refresh()
                else:
                    await self._coordinator.ensure_active_group_async(None)
            except kafka_errors.RetriableError:
                await self._connection.sleep(RETRY_BACKOFF_S)
            except Exception as error:
                if self._closing:
                    return
                self.failed(error)
                return
            await self._coordinator.pause(self._connection.config.patience)

    def heartbeat_interval_ms(self, now: int) -> int:
        """The time to the next heartbeat: longer where more members share the I/O threads than before.

        Args:
            now: the interval that holds.
        """
        return _heartbeat_ms(self._session_timeout_ms, self._connection.config.patience) if self._own_interval else now

    def failed(self, error: Exception) -> None:
        """Have ``poll`` raise: this member cannot be in the group."""
        what = f"be a member of group {self._coordinator.group_id}"
        if isinstance(error, kafka_errors.InconsistentGroupProtocolError):
            what += ", whose members share work in another way (a Kafka Streams application in Java, perhaps)"
            what += "; stop them, and wait until their sessions have ended"
        with self._lock:
            self._error = self._error or translate(error, what)
            self._lock.notify_all()
        self._tell()

    def _topic_counts(self) -> dict[str, int] | None:
        """Partitions of each topic, or None while a topic is unknown."""
        counts: dict[str, int] = {}
        for topic in self._topics:
            known = self._metadata.partitions(topic)
            if known is None:
                return None
            counts[topic] = len(known)
        return counts

    def _on_metadata(self) -> None:
        counts = self._topic_counts()
        if counts is not None and self._counts and counts != self._counts:
            self._counts = counts
            self._coordinator.request_rejoin()

    def group_protocol(self) -> tuple[str, bytes]:
        """The assignor's name, and what this member tells the group's leader."""
        return self._assignor.name, self._assignor.subscription(self._topics, self._assignment)

    def perform_assignment(self, members: Mapping[str, GroupMember]) -> Mapping[str, bytes]:
        """What each member gets; this member is the leader."""
        self._counts = self._topic_counts() or self._counts
        return self._assignor.assign(members, self._counts)

    async def revoke(self, lost: bool) -> None:
        """Have the caller's thread give its assignment back, and wait for that."""
        if not self._has_posted:
            return
        self._has_posted = False
        done = self._revoked = Future()

        def revoke_now() -> None:
            try:
                self._on_revoked(lost)
            finally:
                self._connection.call_soon(lambda: None if done.is_done else done.success(None))

        self._post(revoke_now)
        await done

    def assigned(self, assignment: bytes) -> None:
        """Have the caller's thread take its assignment."""
        self._assignment = assignment
        current = self._topic_counts() or {}
        self._counts = self._counts or dict(self._assignor.partition_counts(assignment)) or current
        # A static member that comes back gets what it had, even as the leader, though its topics may have grown.
        if any(count > self._counts.get(topic, 0) for topic, count in current.items()):
            self._on_metadata()
        known = self._coordinator.group_metadata()
        generation = GroupGeneration(known.generation_id, known.member_id, known.group_instance_id)

        def assign_now() -> None:
            self._generation = generation
            self._on_assigned(assignment, generation)

        self._has_posted = True
        self._post(assign_now)


def _heartbeat_ms(session_timeout_ms: int, patience: float) -> int:
    return int(max(1, min(3_000, session_timeout_ms / 3, session_timeout_ms / 10 * patience)))


class _Coordinator(BaseCoordinator):
    """kafka-python's group protocol, with the assignment left to ``GroupMembership``."""

    def __init__(self, membership: GroupMembership, client: Any, **configs: Any) -> None:
        self._membership = membership
        self._heartbeat_of: Any = None
        super().__init__(client, **configs)
        self.known: Any = None
        self._stirred = Future().success(None)
        self._manager = self.lanes = GroupLanes(self._manager)

    def protocol_type(self) -> str:
        return PROTOCOL_TYPE

    def group_protocols(self) -> list[tuple[str, bytes]]:
        return [self._membership.group_protocol()]

    def _perform_assignment(self, leader_id: str, protocol: str, members: Sequence[Any]) -> dict[str, bytes]:
        rows = {m.member_id: GroupMember(m.member_id, m.group_instance_id, bytes(m.metadata)) for m in members}
        return dict(self._membership.perform_assignment(rows))

    async def _on_join_prepare_async(self, generation: int, member_id: str, timeout_ms: float | None = None) -> None:
        await self._membership.revoke(lost=generation < 0 or not member_id)

    async def _on_join_complete_async(
        self, generation: int, member_id: str, protocol: str, member_assignment_bytes: bytes
    ) -> None:
        self.lanes.settle()
        self._membership.assigned(bytes(member_assignment_bytes))

    async def pause(self, patience: float) -> None:
        """Wait for something to do: longer where the member has its place, until it may have lost it."""
        if self.need_rejoin() or not self.stable():
            await self._net.sleep(DRIVE_INTERVAL_S)
            return
        self._stirred = Future()
        with suppress(kafka_errors.KafkaTimeoutError):
            await self._manager.wait_for(self._stirred, 1000 * STABLE_INTERVAL_S * patience)

    def stir(self) -> None:
        """End a pause."""
        if not self._stirred.is_done:
            self._stirred.success(None)

    def request_rejoin(self) -> None:
        """Have the member join again."""
        super().request_rejoin()
        self.stir()

    async def _send_group_coordinator_request(self) -> Any:
        """Find the coordinator; the first time as it is known already."""
        known, self.known = self.known, None
        if known is None:
            return await super()._send_group_coordinator_request()
        return self._handle_find_coordinator_response(SimpleNamespace(coordinators=[known]))

    def _handle_heartbeat_response(self, response: Any, send_time: float) -> Any:
        """Take the answer, unless the member has joined another generation meanwhile: it says nothing about that.

        Joins have a connection of their own, so their answers come before those to heartbeats that were sent earlier.
        """
        if self._generation is self._heartbeat_of:
            super()._handle_heartbeat_response(response, send_time)

    async def _send_heartbeat_request(self) -> Any:
        """Send a heartbeat; kafka-python would fall silent when another process took the instance id over."""
        settings = self.heartbeat.config
        settings["heartbeat_interval_ms"] = self._membership.heartbeat_interval_ms(settings["heartbeat_interval_ms"])
        self._heartbeat_of = self._generation
        try:
            return await super()._send_heartbeat_request()
        except kafka_errors.FencedInstanceIdError as error:
            self._membership.failed(error)
            raise
        except kafka_errors.KafkaError:
            self.stir()
            raise

    async def depart(self, leave: bool) -> None:
        """End heartbeats and joins, and leave the group where asked to."""
        self._close_heartbeat()
        self.lanes.hold_no_more()
        if not leave:
            return
        if self.is_dynamic_member():
            await self.maybe_leave_group_async(timeout_ms=LEAVE_TIMEOUT_MS)
            return
        known = self.group_metadata()
        if self.coordinator_unknown() or not known.member_id:
            return
        identity = consumer_messages.LeaveGroupRequest.MemberIdentity(
            member_id=known.member_id, group_instance_id=known.group_instance_id, reason=None
        )
        request = consumer_messages.LeaveGroupRequest(
            group_id=known.group_id, member_id=known.member_id, members=[identity], min_version=3, max_version=5
        )
        await self._manager.wait_for(self._manager.send(request, node_id=self.coordinator_id), LEAVE_TIMEOUT_MS)
