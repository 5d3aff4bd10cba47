"""What a terminated query leaves behind: its consumer group, its repartition topics and its changelogs.

    TERMINATE, DROP ──▶ wait until no worker is in the group ──▶ delete the group ──▶ delete the internal topics

A group can be deleted only when every worker of every server has left it, so topics go when nobody uses them any more.
Each step may be done twice.  What a server that died left half done, the next start of any server ends.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable

from kappaflow.client.admin import Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.client.groups import delete_groups, list_groups
from kappaflow.errors import BrokerError, KappaError
from kappaflow.server.control.command_topic import CommandLog
from kappaflow.sql.engine import Engine
from kappaflow.sql.queries import application_id_of

logger = logging.getLogger(__name__)
INTERNAL_SUFFIXES = ("-changelog", "-repartition")
RETRY_SECONDS = 0.5
ATTEMPTS = 120


class QueryCleanup:
    """Cleans up after terminated queries, in a thread of its own.

    Args:
        engine: knows the queries that exist; read under the lock of `commands`.
    """

    def __init__(self, client: ClientConfig, service_id: str, engine: Engine, commands: CommandLog) -> None:
        self._client = client
        self._service_id = service_id
        self._engine = engine
        self._commands = commands
        self._waiting: dict[str, int] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="query-cleanup", daemon=True)

    def start(self) -> None:
        """Begin with what is left of queries that no longer exist."""
        self._thread.start()

    def add(self, query_ids: Iterable[str]) -> None:
        """Clean up after these queries as soon as their workers have ended them."""
        with self._lock:
            for query_id in query_ids:
                self._waiting[application_id_of(self._service_id, query_id)] = ATTEMPTS
        self._wake.set()

    def close(self) -> None:
        """Leave the rest to the next start."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        try:
            with Admin(self._client) as admin:
                self._find_leftovers(admin)
                while not self._stopping.is_set():
                    with self._lock:
                        waiting = list(self._waiting)
                    for application_id in waiting:
                        self._attempt(admin, application_id)
                    self._wake.wait(RETRY_SECONDS if self._waiting else None)
                    self._wake.clear()
        except KappaError as error:
            logger.warning("Topics and groups of terminated queries are deleted at the next start: %s", error)

    def _find_leftovers(self, admin: Admin) -> None:
        prefix = application_id_of(self._service_id, "")
        topics = [name for name in admin.list_topics(internal=True) if name.startswith(prefix)]
        groups = [group.group_id for group in list_groups(admin.connection) if group.group_id.startswith(prefix)]
        # Queries that began after these were listed are known by the time that the command topic is read to its end.
        self._commands.catch_up()
        known = self._known()
        left = set(groups) - known
        with self._lock:
            self._waiting |= dict.fromkeys(left, ATTEMPTS)
        owners = tuple(f"{application_id}-" for application_id in known | left)
        _delete(admin, [name for name in topics if name.endswith(INTERNAL_SUFFIXES) and not name.startswith(owners)])

    def _known(self) -> set[str]:
        with self._commands.lock:
            return {application_id_of(self._service_id, query_id) for query_id in self._engine.metastore.queries}

    def _attempt(self, admin: Admin, application_id: str) -> None:
        try:
            if application_id not in self._known():  # else it was terminated, and made again under the same name
                _delete_group(admin, application_id)
                topics = [name for name in admin.list_topics(internal=True) if name.startswith(f"{application_id}-")]
                _delete(admin, [name for name in topics if name.endswith(INTERNAL_SUFFIXES)])
        except BrokerError as error:
            with self._lock:
                self._waiting[application_id] -= 1
                if self._waiting[application_id] > 0:
                    return
            logger.warning("%s and its internal topics are deleted at the next start: %s", application_id, error)
        with self._lock:
            self._waiting.pop(application_id, None)


def _delete_group(admin: Admin, group_id: str) -> None:
    try:
        delete_groups(admin.connection, [group_id])
    except BrokerError as error:
        if error.name != "GROUP_ID_NOT_FOUND":
            raise


def _delete(admin: Admin, topics: Iterable[str]) -> None:
    for topic in topics:
        try:
            admin.delete_topics([topic])
        except BrokerError as error:
            if error.name != "UNKNOWN_TOPIC_OR_PARTITION":
                raise
