"""Statements that change something: validated in a sandbox, then written to the command topic."""

from __future__ import annotations

from anyio import from_thread

from kappaflow.client.admin import Admin, NewTopic
from kappaflow.errors import BrokerError, KappaError, StatementError
from kappaflow.server.control.entities import Entity, current_status, warning
from kappaflow.server.control.state import ControlState
from kappaflow.server.control.statements.session import Session
from kappaflow.sql.ast.places import value_place
from kappaflow.sql.ast.statements import CreateAsSelect, CreateSource
from kappaflow.sql.grammar.parser import ParsedStatement
from kappaflow.sql.queries import QueryState
from kappaflow.sql.statement_plan import CreateTopic, DeleteTopic, Plan
from kappaflow.sql.statements.registrations import delete_schemas, register_schemas

COMMAND_TIMEOUT_SECONDS = 15.0
# What brokers refuse of a topic, and the properties of a statement that say it.
_SAID_BY = {
    "INVALID_TOPIC_EXCEPTION": ("KAFKA_TOPIC",),
    "INVALID_PARTITIONS": ("PARTITIONS",),
    "POLICY_VIOLATION": ("PARTITIONS",),
    "INVALID_REPLICATION_FACTOR": ("REPLICAS",),
    "INVALID_CONFIG": ("CLEANUP_POLICY", "RETENTION_MS"),
}


def execute_distributed(state: ControlState, parsed: ParsedStatement, session: Session) -> Entity:
    """Plan, create topics and register schemas, append the command, wait until this server has replayed it.

    Raises:
        KappaError: the statement is invalid, also when another server's command came first and made it so.
    """
    with state.commands.lock:
        plan = state.engine.plan(parsed, session.properties, state.commands.next_offset)
    if plan.warning is not None:
        return warning(parsed.text, plan.warning)
    _refuse_command_topic(state, plan)
    _create_topics(state, plan, parsed)
    register_schemas(plan, state.engine.registry)
    offset = state.commands.append(plan)
    outcome = state.commands.wait_for(offset, COMMAND_TIMEOUT_SECONDS)
    if outcome is not None and outcome.error is not None:
        raise outcome.error
    done = outcome.plan if outcome is not None and outcome.plan is not None else plan
    if done.query is not None or done.transitions:
        # What is inserted after the answer is processed by the queries as they are then.
        from_thread.run(state.workers_follow, offset)
    _delete_topics(state.admin, done)
    delete_schemas(done, state.engine.registry)
    state.cleanup.add(query_id for query_id, moved in done.transitions if moved is QueryState.TERMINATED)
    query = done.query.id if done.query is not None else None
    return current_status(parsed.text, done.command, done.message, offset, query)


def _refuse_command_topic(state: ControlState, plan: Plan) -> None:
    topic = state.config.command_topic
    if topic in {*plan.topics, *(action.name for action in plan.topic_actions)}:
        raise StatementError(
            f"Topic {topic} holds the statements of this service and belongs to its servers: statements cannot read, "
            "write or delete it. Use PRINT to look into it.",
            plan.text,
        )


def _create_topics(state: ControlState, plan: Plan, parsed: ParsedStatement) -> None:
    for action in plan.topic_actions:
        if isinstance(action, CreateTopic):
            create_topic(state.admin, action, state.replication_factor, parsed)


def create_topic(admin: Admin, action: CreateTopic, replication_factor: int, parsed: ParsedStatement) -> None:
    """Create a topic of a plan; one that exists is left as it is.

    Args:
        admin: reaches the brokers.
        action: names the topic.
        replication_factor: of a topic whose statement does not say it.
        parsed: the statement.

    Raises:
        StatementError: the brokers refuse what the statement says of the topic.
        KappaError: they cannot create it now.
    """
    replicas = action.replicas if action.replicas > 0 else replication_factor
    topic = NewTopic(action.name, action.partitions, replicas, dict(action.configs))
    try:
        admin.create_topic(topic, exist_ok=True)
    except BrokerError as error:
        message = f"Could not create topic {action.name}: {error.detail or error.name}"
        if error.name not in _SAID_BY:
            raise KappaError(message) from error
        match parsed.statement:
            case CreateSource(properties=properties) | CreateAsSelect(properties=properties):
                at = value_place((name for name, _ in properties), *_SAID_BY[error.name])
            case _:
                at = None
        refused = StatementError(message, parsed.text, at)
        refused.tell_place()
        raise refused from error


def _delete_topics(admin: Admin, plan: Plan) -> None:
    names = [action.name for action in plan.topic_actions if isinstance(action, DeleteTopic)]
    for name in names:
        try:
            admin.delete_topics([name])
        except BrokerError as error:
            if error.name != "UNKNOWN_TOPIC_OR_PARTITION":
                raise KappaError(f"Could not delete topic {name}: {error.name}: {error}") from error
