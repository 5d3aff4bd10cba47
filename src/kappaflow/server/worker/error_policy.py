"""What a query does with bad records, from its properties; names and defaults are ksqlDB's and Kafka Streams'."""

from __future__ import annotations

from kappaflow.errors import ConfigError
from kappaflow.sql.settings import Settings
from kappaflow.streams.execution.error_handling import (
    DEAD_LETTER_TOPIC,
    DESERIALIZATION_HANDLER,
    PROCESSING_HANDLER,
    PRODUCTION_HANDLER,
    ErrorPolicy,
    Reaction,
)

FAIL_ON_DESERIALIZATION_ERROR = "ksql.fail.on.deserialization.error"
FAIL_ON_PRODUCTION_ERROR = "ksql.fail.on.production.error"


def error_policy(settings: Settings) -> ErrorPolicy:
    """Return the policy that properties ask for.

    Raises:
        ConfigError: a handler's name says neither to continue nor to fail.
    """
    reads = settings.flag(FAIL_ON_DESERIALIZATION_ERROR, default=False)
    writes = settings.flag(FAIL_ON_PRODUCTION_ERROR, default=True)
    return ErrorPolicy(
        deserialization=_reaction(settings, DESERIALIZATION_HANDLER, "fail" if reads else "continue"),
        processing=_reaction(settings, PROCESSING_HANDLER, "continue"),
        production=_reaction(settings, PRODUCTION_HANDLER, "fail" if writes else "continue"),
        dead_letter_topic=settings.get(DEAD_LETTER_TOPIC) or None,
    )


def _reaction(settings: Settings, name: str, default: Reaction) -> Reaction:
    """Handlers are named by their class, such as ``LogAndContinueExceptionHandler``, with its package or without."""
    handler = settings.get(name)
    if not handler:
        return default
    words = handler.rsplit(".", 1)[-1].lower()
    if "continue" in words:
        return "continue"
    if "fail" in words or words.startswith("default"):
        return "fail"
    raise ConfigError(
        f"{name} names a handler that continues or fails, such as LogAndContinueExceptionHandler or "
        f"LogAndFailExceptionHandler, not {handler}."
    )
