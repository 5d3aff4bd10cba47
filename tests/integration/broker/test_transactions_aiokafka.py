"""Transactions of aiokafka against the embedded broker."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from kappaflow.testing.embedded_broker import EmbeddedBroker


def create(broker: EmbeddedBroker, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(10)


def test_aiokafka_commits_aborts_and_sends_offsets(broker: EmbeddedBroker, topic: str, group: str) -> None:
    create(broker, topic)

    async def scenario() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, transactional_id=topic)
        await producer.start()
        try:
            async with producer.transaction():
                await producer.send_and_wait(topic, b"kept")
            with pytest.raises(RuntimeError):
                async with producer.transaction():
                    await producer.send_and_wait(topic, b"lost")
                    raise RuntimeError
            async with producer.transaction():
                await producer.send_and_wait(topic, b"kept too")
                await producer.send_offsets_to_transaction({TopicPartition(topic, 0): 3}, group)
        finally:
            await producer.stop()
        consumer = AIOKafkaConsumer(
            bootstrap_servers=broker.bootstrap_servers,
            group_id=group,
            isolation_level="read_committed",
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            consumer.assign([TopicPartition(topic, 0)])
            assert await consumer.committed(TopicPartition(topic, 0)) == 3
            consumer.seek(TopicPartition(topic, 0), 0)
            values = [(await asyncio.wait_for(consumer.getone(), 20)).value for _ in range(2)]
            assert values == [b"kept", b"kept too"]
        finally:
            await consumer.stop()

    asyncio.run(scenario())
