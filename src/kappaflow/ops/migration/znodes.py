"""What ZooKeeper says about a migration, and what has to go from it on the way back."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError

from kappaflow.errors import HostError, UsageError
from kappaflow.ops.migration import texts as _texts
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import message

assert _texts
CONTROLLER, MIGRATION = "/controller", "/migration"
TIMEOUT_S = 10.0


class ZookeeperView(NamedTuple):
    """What stands in ZooKeeper.

    Attributes:
        controller: the id of the active controller; -1 where there is none.
        by_kraft: whether it is one of KRaft's.
        copied_offset: how far KRaft's log was written to ZooKeeper; -1 before the metadata was copied.
    """

    controller: int
    by_kraft: bool
    copied_offset: int

    @property
    def is_dual(self) -> bool:
        """Whether KRaft leads, with all metadata of ZooKeeper."""
        return self.by_kraft and self.copied_offset >= 0


@contextmanager
def _connected(session: OpsSession) -> Generator[Any]:
    if not session.context.zookeeper:
        raise UsageError(message("migration.no_zookeeper", cluster=session.context.name))
    client: Any = KazooClient(hosts=session.context.zookeeper, timeout=TIMEOUT_S)
    try:
        client.start(timeout=TIMEOUT_S)
        yield client
    except (KazooException, KazooTimeoutError) as error:
        reason = str(error) or type(error).__name__
        raise HostError(message("migration.unreachable", servers=session.context.zookeeper, reason=reason)) from error
    finally:
        client.stop()
        client.close()


def _read(client: Any, path: str) -> dict[str, Any]:
    try:
        return json.loads(client.get(path)[0])
    except (NoNodeError, ValueError):
        return {}


def look_at_zookeeper(session: OpsSession) -> ZookeeperView:
    """What stands there now.

    Raises:
        UsageError: the context names no ZooKeeper servers.
        HostError: none of them answers.
    """
    with _connected(session) as client:
        controller, migration = _read(client, CONTROLLER), _read(client, MIGRATION)
    return ZookeeperView(
        int(controller.get("brokerid", -1)),
        int(controller.get("kraftControllerEpoch", -1)) >= 0,
        int(migration.get("kraft_metadata_offset", -1)),
    )


def forget_kraft(session: OpsSession) -> None:
    """Take away what KRaft's controllers have left, so that a broker can lead; nothing where a broker leads.

    Raises:
        HostError: ZooKeeper does not answer.
    """
    with _connected(session) as client:
        if int(_read(client, CONTROLLER).get("kraftControllerEpoch", -1)) >= 0:
            _delete(client, CONTROLLER)
        _delete(client, MIGRATION)


def _delete(client: Any, path: str) -> None:
    try:
        client.delete(path)
    except NoNodeError:
        return
