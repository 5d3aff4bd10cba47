"""The plan of one statement: everything that executing it will change, as values.

A plan is stored as a small versioned document: the statement, its session properties, its query number and the
facts about topics and the configuration it was made from.  Planning is deterministic, so replaying that document gives
the same plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from kappaflow.errors import StatementError
from kappaflow.serde.types import DataType
from kappaflow.sql.ast.statements import Statement
from kappaflow.sql.functions.user.declarations import Declaration
from kappaflow.sql.metastore import DataSource
from kappaflow.sql.queries import PersistentQuery, QueryState
from kappaflow.sql.schema_facts import SchemaFacts, facts_from_json, facts_to_json

PLAN_VERSION = 1


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """What planning needs to know of an existing topic."""

    partitions: int
    replicas: int


class TopicCatalog(Protocol):
    """Facts about existing topics."""

    def describe(self, name: str) -> TopicInfo | None:
        """Return the facts about topic `name`, or None when it does not exist."""
        ...


class RecordedTopics:
    """A catalog that answers from `facts` first, else from `catalog`, and remembers every answer."""

    def __init__(self, catalog: TopicCatalog | None, facts: Mapping[str, TopicInfo | None] | None = None) -> None:
        self._catalog = catalog
        self.facts: dict[str, TopicInfo | None] = dict(facts or {})

    def describe(self, name: str) -> TopicInfo | None:
        """Return the facts about topic `name`, or None when it does not exist."""
        if name not in self.facts:
            self.facts[name] = self._catalog.describe(name) if self._catalog else None
        return self.facts[name]


@dataclass(frozen=True, slots=True)
class CreateTopic:
    """Create a topic; it is no error when it exists with the same partition count."""

    name: str
    partitions: int
    replicas: int
    configs: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class DeleteTopic:
    """Delete a topic.

    Attributes:
        subjects: of the schema registry, which end with it.
    """

    name: str
    subjects: tuple[str, ...] = ()


TopicAction = CreateTopic | DeleteTopic


@dataclass(frozen=True, slots=True)
class RegisterSource:
    """Add a stream or table, or put it in the place of one with the same name."""

    source: DataSource


@dataclass(frozen=True, slots=True)
class RemoveSource:
    """Remove a stream or table."""

    name: str


@dataclass(frozen=True, slots=True)
class RegisterType:
    """Add a custom type."""

    name: str
    type: DataType


@dataclass(frozen=True, slots=True)
class RemoveType:
    """Remove a custom type."""

    name: str


DdlCommand = RegisterSource | RemoveSource | RegisterType | RemoveType


@dataclass(frozen=True, slots=True)
class Plan:
    """What a statement will do.

    Attributes:
        text: the statement as written.
        command: type, entity and action of the statement: the key of its record in the command topic.
        ddl: the change of the metastore, if any.
        topic_actions: to be done by whoever submits the statement, before the command is stored; never at replay.
        query: the query to start, if any; it takes the place of one with the same id.
        transitions: queries to move to another state; TERMINATED removes them.
        message: what to tell the user when it is done.
        warning: set when nothing is done, such as IF NOT EXISTS on an existing name.
        properties: session overrides.
        query_number: the number in generated query ids.
        topics: the topic facts that planning used.
        schemas: the registered schemas that planning used.
        functions: the user functions that planning used, by upper-case name.
        settings: of the server's configuration, what planning used; "" where it said nothing.
    """

    text: str
    statement: Statement
    command: tuple[str, str, str]
    ddl: DdlCommand | None = None
    topic_actions: tuple[TopicAction, ...] = ()
    query: PersistentQuery | None = None
    transitions: tuple[tuple[str, QueryState], ...] = ()
    message: str = ""
    warning: str | None = None
    properties: dict[str, str] = field(default_factory=dict[str, str])
    query_number: int = 0
    topics: dict[str, TopicInfo | None] = field(default_factory=dict[str, TopicInfo | None])
    schemas: SchemaFacts = field(default_factory=dict[str, Any])
    functions: dict[str, Declaration] = field(default_factory=dict[str, Declaration])
    settings: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def changes_nothing(self) -> bool:
        """True when applying the plan would change nothing."""
        return self.ddl is None and self.query is None and not self.transitions

    def to_json(self) -> dict[str, Any]:
        """Return the versioned document that replay needs."""
        topics = {
            name: None if info is None else [info.partitions, info.replicas] for name, info in self.topics.items()
        }
        document: dict[str, Any] = {
            "version": PLAN_VERSION,
            "statement": self.text,
            "streamsProperties": self.properties,
            "queryNumber": self.query_number,
            "topics": topics,
        }
        if self.schemas:
            document["schemas"] = facts_to_json(self.schemas)
        if self.functions:
            document["functions"] = {name: function.facts() for name, function in self.functions.items()}
        if self.settings:
            document["settings"] = self.settings
        return document


class UnknownPlanVersion(StatementError):
    """A stored command is of another version than this engine's; `version` is whatever it says."""

    def __init__(self, version: object, message: str) -> None:
        super().__init__(message)
        self.version = version


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan document read back."""

    text: str
    properties: dict[str, str]
    query_number: int
    topics: dict[str, TopicInfo | None]
    schemas: SchemaFacts = field(default_factory=dict[str, Any])
    functions: dict[str, Declaration] = field(default_factory=dict[str, Declaration])
    settings: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> StoredPlan:
        """Read a document that `Plan.to_json` made.

        Raises:
            UnknownPlanVersion: the document is of a version that this engine does not know.
        """
        version = document.get("version")
        if version != PLAN_VERSION:
            raise UnknownPlanVersion(
                version,
                f"A stored command has plan version {version}; this server knows version {PLAN_VERSION}. "
                "Start a server of the version that wrote it, or a newer one.",
            )
        topics = {
            name: None if info is None else TopicInfo(int(info[0]), int(info[1]))
            for name, info in document["topics"].items()
        }
        return cls(
            str(document["statement"]),
            dict(document["streamsProperties"]),
            int(document["queryNumber"]),
            topics,
            facts_from_json(document.get("schemas") or {}),
            {name: Declaration.from_json(facts) for name, facts in (document.get("functions") or {}).items()},
            dict(document.get("settings") or {}),
        )
