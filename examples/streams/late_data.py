"""Late data: windows of ten seconds that take records up to five seconds late, and are final after that.

Time is that of the records. A window closes when a record comes whose time is beyond its end and the grace period; what
comes for it later is left out and counted.
"""

from datetime import timedelta

from kappaflow.streams import Serdes, StreamsBuilder, Suppressed, TimeWindows, col
from kappaflow.testing import TopologyTestDriver

TEXT, READING = Serdes.string(), Serdes.columns({"celsius": float})

builder = StreamsBuilder(key_serde=TEXT, value_serde=READING)
windows = TimeWindows.of(timedelta(seconds=10), grace=timedelta(seconds=5))
hottest = builder.stream("readings").group_by_key().windowed_by(windows).aggregate({"max": col("celsius").max()})
hottest.suppress(Suppressed.until_window_closes()).to_stream().to("hottest")
topology = builder.build()

if __name__ == "__main__":
    with TopologyTestDriver(topology) as driver:
        readings = driver.create_input_topic("readings", TEXT, READING)
        for second, celsius in [(1, 20.0), (8, 21.0), (12, 19.0), (9, 30.0), (15, 18.0), (7, 99.0), (26, 18.5)]:
            readings.pipe_input("kitchen", {"celsius": celsius}, timestamp=second * 1000)
        closed = driver.create_output_topic("hottest", Serdes.time_windowed(TEXT, 10_000), Serdes.json())
        for window, value in closed.read_key_values_to_list():
            print(f"{window.key} {window.start // 1000}-{window.end // 1000} s: {value['max']}")
        print(f"too late: {driver.dropped['expired-window']}")
