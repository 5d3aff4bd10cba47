"""Fields of request bodies: one of the wrong type is refused, not left out."""

from __future__ import annotations

from typing import Any

import pytest

from kappaflow.errors import UsageError
from kappaflow.server.control.routes.requests import map_field, sequence_number


@pytest.mark.parametrize("value", [[], [1], "", "x", 0, False])
def test_a_field_that_is_no_object_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match="'streamsProperties' must be an object"):
        map_field({"streamsProperties": value}, "streamsProperties")


@pytest.mark.parametrize("document", [{}, {"streamsProperties": None}, {"streamsProperties": {}}])
def test_an_object_may_be_left_out(document: dict[str, Any]) -> None:
    assert map_field(document, "streamsProperties") == {}


@pytest.mark.parametrize("value", ["x", "", 1.5, True, [], {}])
def test_a_sequence_number_that_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match="'commandSequenceNumber' must be a whole number"):
        sequence_number({"commandSequenceNumber": value})


@pytest.mark.parametrize("value", [None, -1, 0, 7])
def test_a_sequence_number_is_taken(value: int | None) -> None:
    assert sequence_number({"commandSequenceNumber": value}) == value
