"""The WITH clause of CREATE and INSERT INTO: names, values and what excludes what."""

from __future__ import annotations

from dataclasses import dataclass

from kappaflow.errors import FunctionError, ParseError, StatementError
from kappaflow.kernel.number_text import parse_integer
from kappaflow.serde.schema import WindowInfo, WindowType
from kappaflow.sql.ast.expressions import Position
from kappaflow.sql.ast.places import PlacedName, located, value_place
from kappaflow.sql.ast.statements import Properties, PropertyValue
from kappaflow.sql.formats import require_format
from kappaflow.sql.functions.java_time import time_pattern
from kappaflow.sql.metastore import FormatInfo
from kappaflow.sql.nearest_names import did_you_mean
from kappaflow.sql.settings import Settings

_COMMON = frozenset(
    """KAFKA_TOPIC FORMAT KEY_FORMAT VALUE_FORMAT PARTITIONS REPLICAS RETENTION_MS CLEANUP_POLICY TIMESTAMP
    TIMESTAMP_FORMAT WRAP_SINGLE_VALUE KEY_DELIMITER VALUE_DELIMITER KEY_SCHEMA_ID VALUE_SCHEMA_ID
    KEY_SCHEMA_FULL_NAME VALUE_SCHEMA_FULL_NAME VALUE_AVRO_SCHEMA_FULL_NAME
    KEY_PROTOBUF_NULLABLE_REPRESENTATION VALUE_PROTOBUF_NULLABLE_REPRESENTATION""".split()
)
CREATE_PROPERTIES = _COMMON | {"WINDOW_TYPE", "WINDOW_SIZE", "SOURCED_BY_CONNECTOR"}
CREATE_AS_PROPERTIES = _COMMON
INSERT_PROPERTIES = frozenset({"QUERY_ID"})

_UNITS_MS = {"DAY": 86_400_000, "HOUR": 3_600_000, "MINUTE": 60_000, "SECOND": 1000, "MILLISECOND": 1}
BROKER_DEFAULT = -1  # of REPLICAS: as many as the brokers say
_DELIMITERS = {"TAB": "\t", "SPACE": " "}


@dataclass(frozen=True, slots=True)
class WithClause:
    """The properties of a WITH clause by upper-case name, checked against what may be given."""

    values: dict[str, PropertyValue]

    @classmethod
    def of(cls, properties: Properties, allowed: frozenset[str], required: tuple[str, ...] = ()) -> WithClause:
        """Check the names, the combinations, and the values that can be checked alone.

        Raises:
            StatementError: a name is unknown or a required one missing, a value has the wrong type, or two properties
                exclude each other.
        """
        values = dict(properties)
        unknown = [name for name in values if name not in allowed]
        if unknown:
            told = sorted(unknown)
            hint = did_you_mean(allowed, *told)
            raise StatementError(
                f"Invalid config variable(s) in the WITH clause: {','.join(told)}{hint and '.'}{hint}",
                at=unknown[0].position if isinstance(unknown[0], PlacedName) else None,
            )
        for name in required:
            if not values.get(name):
                raise StatementError(f'Missing required property "{name}" which has no default value.')
        for part in ("KEY_FORMAT", "VALUE_FORMAT"):
            if part in values and "FORMAT" in values:
                raise StatementError(
                    f"Cannot supply both '{part}' and 'FORMAT' properties, as 'FORMAT' sets both key and value "
                    "formats. Either use just 'FORMAT', or use 'KEY_FORMAT' and 'VALUE_FORMAT'."
                )
        clause = cls(values)
        clause.flag("WRAP_SINGLE_VALUE")
        for name in ("PARTITIONS", "REPLICAS", "RETENTION_MS"):
            clause.integer(name)
        clause.check_timestamp_format()
        return clause

    def place(self, *names: str) -> Position | None:
        """Return where the value of the first of `names` that is given was written."""
        return value_place(self.values, *names)

    def text(self, name: str) -> str | None:
        """Return the value as text, or None."""
        value = self.values.get(name)
        return None if value is None else str(value)

    def integer(self, name: str) -> int | None:
        """Return the value as an integer, or None.

        Raises:
            StatementError: it is not an integer.
        """
        value = self.values.get(name)
        if value is None:
            return None
        kind, bits = ("LONG", 64) if name == "RETENTION_MS" else ("INT", 32)
        try:
            return parse_integer(str(value).strip(), bits)
        except ValueError:
            message = f"Invalid value {value} for property {name}: Not a number of type {kind}"
            raise StatementError(message, at=self.place(name)) from None

    def flag(self, name: str) -> bool | None:
        """Return the value as a boolean, or None.

        Raises:
            StatementError: it is neither true nor false.
        """
        value = self.values.get(name)
        if value is None:
            return None
        word = str(value).strip().lower()
        if word not in {"true", "false"}:
            raise StatementError(
                f"Invalid value {value} for property {name}: Expected value to be either true or false",
                at=self.place(name),
            )
        return word == "true"

    def check_timestamp_format(self) -> None:
        """Check that TIMESTAMP_FORMAT is a pattern.

        Raises:
            StatementError: it is none.
        """
        pattern = self.text("TIMESTAMP_FORMAT")
        if pattern is None:
            return
        try:
            time_pattern(pattern)
        except FunctionError as error:
            # Spelt as ksqlDB spells it, so that what looks for its text finds it.
            message = f"Invalid datatime format for config:TIMESTAMP_FORMAT, reason:{error}"
            raise StatementError(message, at=self.place("TIMESTAMP_FORMAT")) from None

    def topic_counts(self, partitions: int, replicas: int) -> tuple[int, int]:
        """Return the partitions and replicas that a topic is to have: as given, else the ones handed in.

        Raises:
            StatementError: a given number is none that a topic can have.
        """
        wanted_partitions, wanted_replicas = self.integer("PARTITIONS"), self.integer("REPLICAS")
        if wanted_partitions is not None and wanted_partitions < 1:
            message = f"PARTITIONS must be at least 1, got {wanted_partitions}."
            raise StatementError(message, at=self.place("PARTITIONS"))
        if wanted_replicas is not None and wanted_replicas < 1 and wanted_replicas != BROKER_DEFAULT:
            raise StatementError(
                f"REPLICAS must be at least 1, or -1 for the default of the brokers, got {wanted_replicas}.",
                at=self.place("REPLICAS"),
            )
        return (
            partitions if wanted_partitions is None else wanted_partitions,
            replicas if wanted_replicas is None else wanted_replicas,
        )

    def key_format_name(self) -> str | None:
        """Return the name of the key format as given, or None."""
        name = self.text("KEY_FORMAT") or self.text("FORMAT")
        return name.strip().upper() if name else None

    def value_format_name(self) -> str | None:
        """Return the name of the value format as given, or None."""
        name = self.text("VALUE_FORMAT") or self.text("FORMAT")
        return name.strip().upper() if name else None

    def format_properties(self, is_key: bool) -> dict[str, str]:
        """Return the format properties of the key or the value, by their names inside a format.

        Raises:
            StatementError: a value is not usable.
        """
        prefix = "KEY" if is_key else "VALUE"
        found: dict[str, str] = {}
        delimiter = self.text(f"{prefix}_DELIMITER")
        if delimiter is not None:
            with located(self.place(f"{prefix}_DELIMITER")):
                found["delimiter"] = _delimiter(f"{prefix}_DELIMITER", delimiter)
        full_name = self.text(f"{prefix}_SCHEMA_FULL_NAME")
        if full_name is None and not is_key:
            full_name = self.text("VALUE_AVRO_SCHEMA_FULL_NAME")
        if full_name is not None:
            found["fullSchemaName"] = full_name.strip()
        schema_id = self.integer(f"{prefix}_SCHEMA_ID")
        if schema_id is not None:
            found["schemaId"] = str(schema_id)
        nullable = self.text(f"{prefix}_PROTOBUF_NULLABLE_REPRESENTATION")
        if nullable is not None:
            found["nullableRepresentation"] = nullable
        return found

    def window(self) -> WindowInfo | None:
        """Return how keys are windowed.

        Raises:
            ParseError: type and size do not fit.
        """
        name = self.text("WINDOW_TYPE")
        size = self.text("WINDOW_SIZE")
        if name is None:
            if size is not None:
                raise ParseError("'WINDOW_SIZE' should only be set when 'WINDOW_TYPE' is set.")
            return None
        try:
            window_type = WindowType(name.strip().upper())
        except ValueError:
            raise ParseError(
                f"Invalid value {name} for property WINDOW_TYPE: String must be one of: "
                "SESSION, HOPPING, TUMBLING, null"
            ) from None
        if window_type is WindowType.SESSION:
            if size is not None:
                raise ParseError("'WINDOW_SIZE' should not be set for SESSION windows.")
            return WindowInfo(window_type)
        if size is None:
            raise ParseError(
                f"{window_type.value} windows require 'WINDOW_SIZE' to be provided in the WITH clause. "
                "For example: 'WINDOW_SIZE'='10 SECONDS'"
            )
        return WindowInfo(window_type, duration_ms(size, "WINDOW_SIZE"))


def _delimiter(name: str, text: str) -> str:
    if text in _DELIMITERS:
        return _DELIMITERS[text]
    if not text.strip():
        raise StatementError(
            f"Failed to prepare statement: Configuration {name} is invalid: Delimiter cannot be empty, if you "
            "meant to have a tab or space for delimiter, please use the special values 'TAB' or 'SPACE'"
            "\nExample valid value: ';'"
        )
    if len(text) != 1:
        raise StatementError(
            f"Failed to prepare statement: Configuration {name} is invalid: Invalid delimiter value: '{text}'. "
            "Delimiter must be a single character or TAB,SPACE\nExample valid value: ';'"
        )
    return text


def duration_ms(text: str, name: str) -> int:
    """Read a duration such as ``30 SECONDS``.

    Raises:
        ParseError: it cannot be read; `name` is the property that held it.
    """
    problem = f"Configuration {name} is invalid: Invalid duration: '{text}'."
    parts = text.split()
    if len(parts) != 2:
        raise ParseError(f"{problem} Expected 2 tokens, got: {len(parts)}. Write it like '10 SECONDS'.")
    number, unit = parts[0], parts[1].upper()
    try:
        count = parse_integer(number, 64)
    except ValueError:
        raise ParseError(f"{problem} Not numeric: '{number}'") from None
    factor = _UNITS_MS.get(unit.removesuffix("S"))
    if factor is None:
        raise ParseError(f"{problem} Unknown time unit: '{unit}'")
    size_ms = count * factor
    if not 0 < size_ms < 2**63:
        raise ParseError(f"{problem} It must be longer than zero and no longer than {2**63 - 1} ms.")
    return size_ms


def format_names(clause: WithClause, settings: Settings) -> tuple[str, str]:
    """Return the names of key and value format: as given, else the configured defaults."""
    key_name = clause.key_format_name() or settings.get("ksql.persistence.default.format.key", "KAFKA").upper()
    value_name = clause.value_format_name() or settings.get("ksql.persistence.default.format.value").upper()
    return key_name, value_name


def source_formats(clause: WithClause, settings: Settings) -> tuple[FormatInfo, FormatInfo]:
    """Return key and value format of CREATE STREAM|TABLE: as given, else the configured defaults.

    Raises:
        StatementError: a format is unknown, missing, or does not take its properties.
    """
    key_name, value_name = format_names(clause, settings)
    if not value_name:
        raise StatementError(
            "Statement is missing the 'VALUE_FORMAT' property from the WITH clause. "
            "Either provide one or set a default via the 'ksql.persistence.default.format.value' config."
        )
    return given_format(clause, key_name, is_key=True), given_format(clause, value_name, is_key=False)


def given_format(clause: WithClause, name: str, *, is_key: bool) -> FormatInfo:
    """Return the format called `name` with the properties that the clause has for it.

    Raises:
        StatementError: it is unknown, or does not take its properties.
    """
    properties = clause.format_properties(is_key)
    with located(clause.place("KEY_FORMAT" if is_key else "VALUE_FORMAT", "FORMAT")):
        return require_format(name, properties)
