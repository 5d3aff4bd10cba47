"""Of a record that cannot be read is told whether that is for its key or for its value, in both forms alike."""

from __future__ import annotations

from typing import Literal

import pytest

from kappaflow.errors import SerializationError
from kappaflow.streams import Serdes, StreamsBuilder
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.testing.batch_driver import BatchTopologyDriver

GOOD, BAD = bytes(8), b"short"


@pytest.mark.parametrize("form", ["row", "column"])
def test_which_part_of_a_record_cannot_be_read(form: Literal["row", "column"]) -> None:
    made = StreamsBuilder(key_serde=Serdes.long(), value_serde=Serdes.long())
    made.stream("a").to("b")
    driver = BatchTopologyDriver(made.build().bind("app"), form=form)
    assert not driver.by_rows
    driver.pipe(
        RawRecord("a", BAD, GOOD, 1, offset=0),
        RawRecord("a", GOOD, BAD, 2, offset=1),
        RawRecord("a", GOOD, GOOD, 3, offset=2),
        RawRecord("a", BAD, BAD, 4, offset=3),
    )
    errors = [error for error in driver.errors if isinstance(error, SerializationError)]
    assert [error.is_key for error in errors] == [True, False, True]
    assert len(driver.outputs["b"]) == 1
