"""Enrich a stream by a table that changes: each order gets its customer's city, as it is at that moment.

Orders that came before a customer moved keep the old city; a left join keeps orders of unknown customers.
"""

from typing import TypedDict

from kappaflow.streams import Serdes, StreamsBuilder, col
from kappaflow.testing import TopologyTestDriver


class Order(TypedDict):
    item: str
    price: float


class Customer(TypedDict):
    name: str
    city: str


TEXT, ORDER, CUSTOMER = Serdes.string(), Serdes.columns(Order), Serdes.columns(Customer)

builder = StreamsBuilder(key_serde=TEXT)
customers = builder.table("customers", value_serde=CUSTOMER)
orders = builder.stream("orders", value_serde=ORDER)
enriched = orders.left_join(
    customers,
    {"item": col.left("item"), "price": col.left("price"), "city": col.right("city").fill_null("unknown")},
)
enriched.to("orders-with-city")
topology = builder.build()

if __name__ == "__main__":
    with TopologyTestDriver(topology) as driver:
        people = driver.create_input_topic("customers", TEXT, CUSTOMER)
        sold = driver.create_input_topic("orders", TEXT, ORDER)
        people.pipe_input("c1", {"name": "Ann", "city": "Seoul"})
        sold.pipe_input("c1", {"item": "pen", "price": 1.5})
        people.pipe_input("c1", {"name": "Ann", "city": "Busan"})
        sold.pipe_input("c1", {"item": "ink", "price": 7.0})
        sold.pipe_input("c2", {"item": "cap", "price": 12.0})
        for order in driver.create_output_topic("orders-with-city", TEXT, Serdes.json()).read_values_to_list():
            print(f"{order['item']} to {order['city']}")
