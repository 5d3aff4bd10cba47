"""Things that the users of a process share: one of their own for the first users, then the one with the fewest."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What a pool holds."""

    def close(self) -> None:
        """End it."""
        ...


Item = TypeVar("Item", bound=Closable)


class Pool(Generic[Item]):
    """Makes and shares a bounded number of things, and closes those that nobody uses any more.

    Args:
        most: things at most.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._users: dict[Item, int] = {}
        self._being_made = 0
        self._sharers = 0
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._users)

    @property
    def sharers(self) -> int:
        """How many users there are beyond one for each thing; read without a lock, by every wait of every user."""
        return self._sharers

    def take_own(self, make: Callable[[], Item]) -> Item | None:
        """Make one for a user alone; None where there are as many as there may be.

        Args:
            make: makes one; may take long and fail.
        """
        with self._changed:
            if len(self._users) + self._being_made >= self._most:
                return None
            self._being_made += 1
        return self._make(make)

    def take(self, make: Callable[[], Item]) -> Item:
        """Make one while there are few, or share the one with the fewest users; `give_back` ends the use.

        Args:
            make: makes one; may take long and fail.
        """
        with self._changed:
            while len(self._users) + self._being_made >= self._most:
                if not self._being_made:
                    found = min(self._users, key=self._users.__getitem__)
                    self._users[found] += 1
                    self._sharers += 1
                    return found
                self._changed.wait()  # those who share are spread evenly over all
            self._being_made += 1
        return self._make(make)

    def _make(self, make: Callable[[], Item]) -> Item:
        try:
            made = make()
        except BaseException:
            with self._changed:
                self._being_made -= 1
                self._changed.notify_all()
            raise
        with self._changed:
            self._being_made -= 1
            self._users[made] = 1
            self._changed.notify_all()
        return made

    def give_back(self, item: Item) -> None:
        """End the use of a thing; it is closed with its last user."""
        with self._changed:
            self._users[item] -= 1
            is_free = not self._users[item]
            if is_free:
                del self._users[item]
                self._changed.notify_all()
            else:
                self._sharers -= 1
        if is_free:
            item.close()
