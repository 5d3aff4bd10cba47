"""Find a pattern: three tiny charges of a card and then a large one, within a minute.

Fraudsters try a stolen card with small sums first.  What a card did lately is kept in a store by a processor.
"""

from kappaflow.streams import Processor, Record, Serdes, StreamsBuilder, key_value_store
from kappaflow.testing import TopologyTestDriver

TEXT, JSON = Serdes.string(), Serdes.json()
WITHIN_MS, TINY, LARGE, TRIALS = 60_000, 2, 500, 3


class TrialsThenLarge(Processor):
    """Forwards charges that complete the pattern."""

    def init(self, context):
        super().init(context)
        self.trials = context.get_state_store("trials")

    def process(self, record):
        recent = [at for at in self.trials.get(record.key) or [] if record.timestamp - at <= WITHIN_MS]
        amount = record.value["amount"]
        if amount <= TINY:
            recent.append(record.timestamp)
        elif amount >= LARGE and len(recent) >= TRIALS:
            alert = {"card": record.key, "amount": amount, "trials": len(recent)}
            self.context.forward(Record(record.key, alert, record.timestamp))
            recent = []
        self.trials.put(record.key, recent or None)


builder = StreamsBuilder(key_serde=TEXT, value_serde=JSON)
charges = builder.stream("charges")
charges.process(TrialsThenLarge, key_value_store("trials", key_serde=TEXT, value_serde=JSON)).to("alerts")
topology = builder.build()

if __name__ == "__main__":
    with TopologyTestDriver(topology) as driver:
        source = driver.create_input_topic("charges", TEXT, JSON, advance_ms=10_000)
        for card, amount in [("1111", 1), ("2222", 700), ("1111", 2), ("1111", 1), ("1111", 899), ("1111", 950)]:
            source.pipe_input(card, {"amount": amount})
        for alert in driver.create_output_topic("alerts", TEXT, JSON).read_values_to_list():
            print(f"card {alert['card']}: {alert['amount']} after {alert['trials']} trials")
