"""A window ends with its result wherever it is kept; Java's stores in memory forget it before that."""

from __future__ import annotations

import pytest

from kappaflow.streams import Materialized, Serdes, SessionWindows, StreamsBuilder, TimeWindows
from kappaflow.testing import TopologyTestDriver

TEXT = Serdes.string()
TIMES = (1, 5, 12, 31, 33, 60, 95)


@pytest.mark.parametrize(
    "windows", [TimeWindows.of(10, grace=20), SessionWindows.of(4, grace=3)], ids=["time", "session"]
)
def test_what_windows_end_with_is_the_same_in_memory_and_on_the_disk(windows: TimeWindows | SessionWindows) -> None:
    def results(*, in_memory: bool) -> list[object]:
        builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
        counted = builder.stream("in").group_by_key().windowed_by(windows).emit_strategy("on_window_close")
        table = counted.count(Materialized("counts", in_memory=in_memory))
        table.to_stream(lambda key, _: key.key).to("out", key_serde=TEXT, value_serde=Serdes.long())
        with TopologyTestDriver(builder.build()) as driver:
            source = driver.create_input_topic("in", TEXT, TEXT)
            for at in TIMES:
                source.pipe_input("k", "v", timestamp=at)
            return driver.create_output_topic("out", TEXT, Serdes.long()).read_values_to_list()

    kept = results(in_memory=False)
    assert len(kept) >= 3
    assert results(in_memory=True) == kept
