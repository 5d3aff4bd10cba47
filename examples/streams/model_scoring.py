"""Score batches with a model: the function gets Arrow record batches and returns a row for each row.

The model is a logistic regression in a few lines of numpy; any library that takes arrays goes there.  Payments
stay in order, and each has a score of its own, however they are cut into batches.
"""

from typing import TypedDict

import numpy as np
import pyarrow as pa

from kappaflow.streams import Serdes, StreamsBuilder, col
from kappaflow.testing import TopologyTestDriver


class Payment(TypedDict):
    amount: float
    night: bool


class Scored(TypedDict):
    amount: float
    risk: float


WEIGHTS, BIAS = np.array([0.004, 1.5]), -4.0
TEXT, PAYMENT = Serdes.string(), Serdes.columns(Payment)


def score(batch: pa.RecordBatch) -> pa.Table:
    """Return the risk of each payment."""
    amount = batch.column("amount").to_numpy()
    features = np.column_stack([amount, batch.column("night").cast(pa.int64()).to_numpy()])
    risk = 1 / (1 + np.exp(-(features @ WEIGHTS + BIAS)))
    return pa.table({"amount": amount, "risk": risk})


builder = StreamsBuilder(key_serde=TEXT, value_serde=PAYMENT)
payments = builder.stream("payments").filter(col("amount") > 0)
scored = payments.map_batches(score, Scored, batch_size=4096)
scored.filter(col("risk") > 0.5).to("risky")
topology = builder.build()

if __name__ == "__main__":
    with TopologyTestDriver(topology) as driver:
        source = driver.create_input_topic("payments", TEXT, PAYMENT)
        for order, (amount, night) in enumerate([(20.0, True), (900.0, False), (-5.0, True), (1200.0, True)]):
            source.pipe_input(f"p{order}", {"amount": amount, "night": night})
        for key, found in driver.create_output_topic("risky", TEXT, Serdes.json()).read_key_values_to_list():
            print(f"{key}: risk {found['risk']:.2f}")
