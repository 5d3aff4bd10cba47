"""INSERT INTO .. VALUES: one record, written to the target's topic."""

from __future__ import annotations

from kappaflow.server.control.state import ControlState
from kappaflow.server.control.statements.session import Session
from kappaflow.sql.grammar.parser import ParsedStatement


def execute_insert_values(state: ControlState, parsed: ParsedStatement, session: Session) -> None:
    """Evaluate, serialise and write the row; answers nothing, as ksqlDB does.

    Raises:
        KappaError: the row does not fit or cannot be written.
    """
    with state.commands.lock:
        record = state.engine.insert_values(parsed, session.properties)
    state.writer.send(record.topic, record.key, record.value, timestamp=record.timestamp)
