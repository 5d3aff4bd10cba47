"""Users of a data directory that no broker is using."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kappaflow.broker.security.credentials import UserCredentials
from kappaflow.broker.security.scram import SCRAM_MECHANISMS, credential_of_password
from kappaflow.runtime.clock import SYSTEM_CLOCK
from kappaflow.runtime.disk import SYSTEM_DISK
from kappaflow.storage.data_directory import DataDirectory
from kappaflow.storage.journal import Journal

METADATA_JOURNAL = "metadata.journal"
PRIVATE_FILE = 0o600


def add_user(data_dir: Path, user: str, password: str, mechanisms: Sequence[str], iterations: int) -> None:
    """Set a user's credentials, making the data directory where it is missing.

    Raises:
        DataDirectoryLocked: a broker is using it; credentials are then changed through the broker.
        StorageError: the journal cannot be written.
    """
    directory = DataDirectory.open(data_dir, node_id=1, clock=SYSTEM_CLOCK, disk=SYSTEM_DISK)
    try:
        journal, _ = Journal.open(data_dir / METADATA_JOURNAL)
        try:
            users = UserCredentials(journal.append)
            for name in mechanisms:
                mechanism = SCRAM_MECHANISMS[name]
                users.put(user, mechanism, credential_of_password(mechanism, password, iterations))
        finally:
            journal.close()
        (data_dir / METADATA_JOURNAL).chmod(PRIVATE_FILE)
    finally:
        directory.close()
