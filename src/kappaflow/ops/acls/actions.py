"""The steps of plans that change access control lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.ops.acls import texts as _texts
from kappaflow.ops.admin.acl_faces import AclEntry
from kappaflow.ops.plans.action import Arguments, Progress, ReversibleAction, register_actions
from kappaflow.ops.plans.waiting import wait_until
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, text

assert _texts


def _entries(arguments: Arguments) -> list[AclEntry]:
    return [AclEntry(**row) for row in arguments["entries"]]


class _Entries(ReversibleAction):
    """Entries that are to be there, or not to be there."""

    name: str
    wanted: bool

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text(f"{self.name}.step", count=len(arguments["entries"]))

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: which entries were there before is kept."""
        return True

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """Which of the entries were there."""
        there = set(session.admin.acls.list())
        return {"there": [entry._asdict() for entry in _entries(arguments) if entry in there]}

    def _wrong(self, session: OpsSession, arguments: Arguments) -> list[AclEntry]:
        there = set(session.admin.acls.list())
        return [entry for entry in _entries(arguments) if (entry in there) is not self.wanted]

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether all are as they should be."""
        return not self._wrong(session, arguments)

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Add or delete those that are not as they should be, and wait until the broker knows."""
        self._make(session, self._wrong(session, arguments), there=self.wanted)
        wait_until(session, lambda: self.is_applied(session, arguments))

    def _make(self, session: OpsSession, entries: list[AclEntry], *, there: bool) -> None:
        if entries:
            (session.admin.acls.create if there else session.admin.acls.delete)(entries)

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """All are as they should be; brokers learn of it one after the other, and any of them may be asked."""
        wrong: list[AclEntry] = []

        def is_right() -> bool:
            wrong[:] = self._wrong(session, arguments)
            return not wrong

        wait_until(session, is_right)
        return [text(f"{self.name}.wrong", **entry._asdict()) for entry in wrong]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Bring back what was there, and delete what was not."""
        before = {AclEntry(**row) for row in captured["there"]}
        now = set(session.admin.acls.list())
        entries = _entries(arguments)
        self._make(session, [e for e in entries if e in before and e not in now], there=True)
        self._make(session, [e for e in entries if e not in before and e in now], there=False)


class CreateAcls(_Entries):
    """Add entries: ``entries``."""

    name = "acl.create"
    wanted = True


class DeleteAcls(_Entries):
    """Take entries away: ``entries``."""

    name = "acl.delete"
    wanted = False


register_actions(CreateAcls(), DeleteAcls())
