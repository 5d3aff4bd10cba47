"""aiokafka against the embedded broker."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from kappaflow.testing.embedded_broker import EmbeddedBroker


async def create(broker: EmbeddedBroker, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 4, 1)])
    assert topic in await admin.list_topics()
    await admin.close()


async def take(consumer: AIOKafkaConsumer, count: int) -> list[bytes]:
    async with asyncio.timeout(20):
        return [(await consumer.getone()).value for _ in range(count)]


def member(broker: EmbeddedBroker, topic: str, group: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        topic,
        bootstrap_servers=broker.bootstrap_servers,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        heartbeat_interval_ms=300,
        session_timeout_ms=6000,
    )


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_records_come_back_as_sent(broker: EmbeddedBroker, topic: str, group: str, codec: str | None) -> None:
    async def scenario() -> None:
        await create(broker, topic)
        producer = AIOKafkaProducer(
            bootstrap_servers=broker.bootstrap_servers, compression_type=codec, enable_idempotence=True
        )
        await producer.start()
        values = [b"%d" % n for n in range(200)]
        await asyncio.gather(*[await producer.send(topic, value, key=value) for value in values])
        await producer.stop()
        consumer = member(broker, topic, group)
        await consumer.start()
        assert sorted(await take(consumer, 200)) == sorted(values)
        await consumer.stop()

    asyncio.run(scenario())


def test_two_members_rebalance_commit_and_resume(broker: EmbeddedBroker, topic: str, group: str) -> None:
    async def scenario() -> None:
        await create(broker, topic)
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers)
        await producer.start()
        for n in range(40):
            await producer.send_and_wait(topic, b"first %d" % n, key=b"%d" % n)
        one = member(broker, topic, group)
        await one.start()
        assert len(await take(one, 40)) == 40
        await one.commit()
        two = member(broker, topic, group)
        await two.start()
        async with asyncio.timeout(30):
            while (len(one.assignment()), len(two.assignment())) != (2, 2):
                await asyncio.sleep(0.05)
        for n in range(40):
            await producer.send_and_wait(topic, b"second %d" % n, key=b"%d" % n)
        got: list[bytes] = []
        async with asyncio.timeout(20):
            while len(got) < 40:
                for each in (one, two):
                    for records in (await each.getmany(timeout_ms=50)).values():
                        got += [record.value for record in records]
        assert sorted(got) == sorted(b"second %d" % n for n in range(40))
        for each in (one, two):
            await each.commit()
            await each.stop()
        await producer.send_and_wait(topic, b"third")
        await producer.stop()
        three = member(broker, topic, group)
        await three.start()
        assert await take(three, 1) == [b"third"]
        await three.stop()

    asyncio.run(scenario())
