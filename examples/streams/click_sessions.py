"""Sessions of clicks: clicks of one visitor that are less than 30 minutes apart belong together.

A click between two sessions makes them one: both old results are deleted before the new one is written.
"""

from datetime import timedelta

from kappaflow.streams import Serdes, SessionWindows, StreamsBuilder, col, count
from kappaflow.testing import TopologyTestDriver

TEXT, CLICK = Serdes.string(), Serdes.columns({"page": str, "at": int})
MINUTE = 60_000

builder = StreamsBuilder(key_serde=TEXT, value_serde=CLICK)
clicks = builder.stream("clicks", timestamp=col("at"))
visits = SessionWindows.of(timedelta(minutes=30), grace=timedelta(hours=1))
sessions = clicks.group_by_key().windowed_by(visits).aggregate({"clicks": count(), "entry": col("page").first()})
sessions.to_stream().to("sessions")
topology = builder.build()

if __name__ == "__main__":
    with TopologyTestDriver(topology) as driver:
        source = driver.create_input_topic("clicks", TEXT, CLICK)
        for visitor, page, minute in [("ann", "/", 0), ("ann", "/pens", 50), ("bob", "/", 55), ("ann", "/buy", 25)]:
            source.pipe_input(visitor, {"page": page, "at": minute * MINUTE})
        found = driver.create_output_topic("sessions", Serdes.session_windowed(TEXT), Serdes.json())
        for window, session in found.read_key_values_to_list():
            what = "is no session any more" if session is None else f"{session['clicks']} clicks"
            print(f"{window.key} {window.start // MINUTE}-{window.end // MINUTE}: {what}")
