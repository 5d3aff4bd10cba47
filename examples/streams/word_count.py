"""Count words: a stream of lines becomes a table of counts.

Expressions stand in place of functions, so the whole topology runs as columns.

    kappa streams run examples/streams/word_count.py:topology --application-id word-count
"""

from kappaflow.streams import Serdes, StreamsBuilder, col
from kappaflow.testing import TopologyTestDriver

TEXT, LONG = Serdes.string(), Serdes.long()

builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
words = builder.stream("lines").flat_map_values(col.value.lower().replace(",", "").split())
counts = words.group_by(col.value, name="by-word").count("counts")
counts.to_stream().to("word-counts")
topology = builder.build()

if __name__ == "__main__":
    with TopologyTestDriver(topology) as driver:
        lines = driver.create_input_topic("lines", TEXT, TEXT)
        lines.pipe_values(["To be, or not to be", "that is the question", "to sleep, perchance to dream"])
        latest = driver.create_output_topic("word-counts", TEXT, LONG).read_key_values_to_map()
        for word, count in sorted(latest.items(), key=lambda each: (-each[1], each[0]))[:3]:
            print(f"{count} {word}")
