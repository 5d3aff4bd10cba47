"""Members of a group that read a topic and commit how far they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from random import Random

import msgspec

from kappaflow.testing.simulation.client import (
    HEARTBEAT,
    JOIN_GROUP,
    OFFSET_COMMIT,
    OFFSET_FETCH,
    SYNC_GROUP,
    Refused,
    SimulatedClient,
)
from kappaflow.testing.simulation.history import History
from kappaflow.testing.simulation.network import Disconnected
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message
from kappaflow.wire.record_batch import iterate_headers

Key = tuple[str, int]
Assign = Callable[[Mapping[str, bytes]], Mapping[str, bytes]]
SESSION_TIMEOUT_MS = 6000
HEARTBEAT_S = 1.0


class Membership:
    """The requests of one member of a group.

    Args:
        assign: called by the leader with the members' metadata.

    Attributes:
        generation: -1 outside of the group.
        member: its id.
        assignment: what it was given.
    """

    def __init__(self, client: SimulatedClient, group: str, assign: Assign, metadata: bytes = b"") -> None:
        self.group = group
        self.generation = -1
        self.member = ""
        self.assignment = b""
        self.metadata = metadata
        self._client = client
        self._assign = assign

    async def join(self) -> bool:
        """Join or join again, and learn the assignment; false where it did not come about.

        Raises:
            Disconnected: no answer came.
        """
        self.generation = -1
        body = Message(
            group_id=self.group,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            rebalance_timeout_ms=SESSION_TIMEOUT_MS,
            member_id=self.member,
            group_instance_id=None,
            protocol_type="consumer",
            protocols=[Message(name="range", metadata=self.metadata)],
        )
        answer = await self._client.ask(JOIN_GROUP, 5, body, timeout_s=SESSION_TIMEOUT_MS / 1000 + 2)
        if answer.error_code == ErrorCode.MEMBER_ID_REQUIRED:
            self.member = answer.member_id
            return False
        if answer.error_code:
            if answer.error_code == ErrorCode.UNKNOWN_MEMBER_ID:
                self.member = ""
            return False
        self.member = answer.member_id
        assignments: Mapping[str, bytes] = {}
        if answer.leader == self.member:
            assignments = self._assign({each.member_id: bytes(each.metadata) for each in answer.members})
        body = Message(
            group_id=self.group,
            generation_id=answer.generation_id,
            member_id=self.member,
            group_instance_id=None,
            assignments=[Message(member_id=name, assignment=data) for name, data in assignments.items()],
        )
        synced = await self._client.ask(SYNC_GROUP, 3, body, timeout_s=SESSION_TIMEOUT_MS / 1000 + 2)
        if synced.error_code:
            return False
        self.generation = answer.generation_id
        self.assignment = bytes(synced.assignment)
        return True

    async def heartbeat(self) -> int:
        """Tell that it lives; an error where it has to join again.

        Raises:
            Disconnected: no answer came.
        """
        body = Message(
            group_id=self.group, generation_id=self.generation, member_id=self.member, group_instance_id=None
        )
        answer = await self._client.ask(HEARTBEAT, 3, body)
        if answer.error_code == ErrorCode.UNKNOWN_MEMBER_ID:
            self.member = ""
        return answer.error_code

    async def commit(self, offsets: Mapping[Key, int]) -> None:
        """Commit offsets once.

        Raises:
            Refused: it lost its place, or the disk is full.
            Disconnected: it is not known whether they were committed.
        """
        topics: dict[str, list[Message]] = {}
        for (topic, partition), offset in offsets.items():
            topics.setdefault(topic, []).append(
                Message(
                    partition_index=partition,
                    committed_offset=offset,
                    committed_leader_epoch=-1,
                    committed_metadata="",
                )
            )
        body = Message(
            group_id=self.group,
            generation_id_or_member_epoch=self.generation,
            member_id=self.member,
            group_instance_id=None,
            topics=[Message(name=name, partitions=rows) for name, rows in topics.items()],
        )
        answer = await self._client.ask(OFFSET_COMMIT, 7, body)
        error = next((row.error_code for topic in answer.topics for row in topic.partitions if row.error_code), 0)
        if error:
            raise Refused(error, "commit offsets")


async def committed_offsets(
    client: SimulatedClient, group: str, keys: list[Key], *, stable: bool
) -> dict[Key, tuple[int, str]]:
    """Offsets and metadata of a group; partitions without are left out.

    Raises:
        Disconnected: the broker is away for too long.
    """
    topics: dict[str, list[int]] = {}
    for topic, partition in keys:
        topics.setdefault(topic, []).append(partition)
    body = Message(
        group_id=group,
        topics=[Message(name=name, partition_indexes=rows) for name, rows in topics.items()],
        require_stable=stable,
    )
    answer = await client.call(
        OFFSET_FETCH,
        7,
        body,
        "fetch offsets",
        lambda a: [a.error_code, *(row.error_code for topic in a.topics for row in topic.partitions)],
        attempts=120,
    )
    return {
        (topic.name, row.partition_index): (row.committed_offset, row.metadata or "")
        for topic in answer.topics
        for row in topic.partitions
        if row.committed_offset >= 0
    }


class GroupConsumer:
    """One member that reads its partitions and commits now and then."""

    def __init__(
        self,
        group: str,
        keys: list[Key],
        client: SimulatedClient,
        history: History,
        random: Random,
        stopped: Callable[[], bool],
    ) -> None:
        self._keys = keys
        self._client = client
        self._history = history
        self._random = random
        self._stopped = stopped
        self._membership = Membership(client, group, self._assign)
        self._positions: dict[Key, int] = {}

    def _assign(self, members: Mapping[str, bytes]) -> Mapping[str, bytes]:
        names = sorted(members)
        return {
            name: msgspec.json.encode([key for i, key in enumerate(self._keys) if i % len(names) == slot])
            for slot, name in enumerate(names)
        }

    async def run(self) -> None:
        """Stay in the group until told to stop."""
        while not self._stopped():
            try:
                if await self._membership.join():
                    await self._read()
                else:
                    await self._client.pause()
            except (Disconnected, Refused):
                await self._client.pause()

    async def _read(self) -> None:
        keys = msgspec.json.decode(self._membership.assignment, type=list[tuple[str, int]])
        group = self._membership.group
        if keys:
            # An answer that was long on its way tells less than what others have committed since it was asked for.
            promised = {key: self._history.offsets.get((group, key), -1) for key in keys}
            found = await committed_offsets(self._client, group, keys, stable=True)
            for key, (offset, _) in found.items():
                if offset < promised[key]:
                    self._history.problems.append(f"{group} was told offset {offset} of {key}, behind its commit")
            self._positions = {key: found[key][0] if key in found else 0 for key in keys}
        heard = asyncio.get_running_loop().time()
        while not self._stopped():
            now = asyncio.get_running_loop().time()
            if now - heard > HEARTBEAT_S:
                if await self._membership.heartbeat():
                    return
                heard = now
            if not keys:
                await asyncio.sleep(HEARTBEAT_S / 2)
                continue
            for key, row in await self._client.fetch(self._positions, committed=False):
                if row.records:
                    last = max((header.last_offset for _, header in iterate_headers(bytes(row.records))), default=-1)
                    self._positions[key] = max(self._positions[key], last + 1)
            if self._random.random() < 0.5:
                wanted = dict(self._positions)
                await self._membership.commit(wanted)
                for key, offset in wanted.items():
                    self._history.commit_offset(group, key, offset)
            if self._random.random() < 0.02:
                await asyncio.sleep(self._random.uniform(5.0, 9.0))
            await asyncio.sleep(self._random.uniform(0.05, 0.4))
