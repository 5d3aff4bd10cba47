"""Turning a failed write into an error that says what to do."""

from __future__ import annotations

import errno

from kappaflow.errors import StorageError, StorageFullError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def write_failure(what: str, error: OSError) -> StorageError:
    """The error for `what` could not be done: StorageFullError where space is missing, StorageError otherwise.

    >>> str(write_failure("cannot write to /data", OSError(errno.ENOSPC, "No space left on device")))
    'cannot write to /data (No space left on device); nothing changed and reads go on. Free space and try again'
    """
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return StorageFullError(f"{what} ({reason}); nothing changed and reads go on. Free space and try again")
    return StorageError(f"{what} ({reason}); nothing changed. Check the disk and its permissions")
