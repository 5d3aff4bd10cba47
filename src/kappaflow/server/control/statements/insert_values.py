"""INSERT INTO .. VALUES: one record, written to the target's topic."""

from __future__ import annotations

import functools

from anyio import from_thread

from kappaflow.server.control.state import ControlState
from kappaflow.server.control.statements.session import Session
from kappaflow.sql.ast.statements import InsertValues
from kappaflow.sql.functions.user.declarations import calls_user_function
from kappaflow.sql.grammar.parser import ParsedStatement
from kappaflow.sql.queries import InsertRecord


def execute_insert_values(state: ControlState, parsed: ParsedStatement, session: Session) -> None:
    """Evaluate, serialise and write the row; answers nothing, as ksqlDB does.

    Raises:
        KappaError: the row does not fit or cannot be written.
    """
    assert isinstance(parsed.statement, InsertValues)
    if state.functions is not None and calls_user_function(parsed.statement.values, state.functions):
        arguments = {"statement": parsed.text, "properties": session.properties}
        answer = from_thread.run(
            functools.partial(state.ask_worker, "insert", after_offset=state.commands.next_offset, **arguments)
        )
        record = InsertRecord(**answer)
    else:
        with state.commands.lock:
            record = state.engine.insert_values(parsed, session.properties)
    state.writer.forget(record.topic)  # it may have been made anew, with fewer partitions
    state.writer.send(record.topic, record.key, record.value, timestamp=record.timestamp)
