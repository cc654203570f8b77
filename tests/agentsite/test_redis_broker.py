"""The Redis broker: what is acknowledged is forgotten there before the next message is asked for."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from kombu import Connection, Queue

from agentsite import redis_broker
from tests.servers.redis_server import new_redis_database


@dataclass
class Broker:
    """A channel to an empty Redis, and a client that sees what is kept there."""

    connection: Connection
    channel: Any
    client: "redis.Redis[bytes]"

    def deliver(self, count: int) -> list[Any]:
        """Sends so many messages and takes them; none is acknowledged."""
        queue = Queue("runs", routing_key="runs")(self.channel)
        queue.declare()
        producer = self.connection.Producer()
        for number in range(count):
            producer.publish(number, routing_key="runs")
        messages = [queue.get() for _ in range(count)]
        assert None not in messages
        return messages


@pytest.fixture
def broker() -> Iterator[Broker]:
    url = new_redis_database()
    with closing(redis.Redis.from_url(url)) as client, Connection(url, transport=redis_broker.Transport) as connection:
        yield Broker(connection, connection.channel(), client)


def test_acknowledgements_are_told_together_and_what_is_not_acknowledged_is_delivered_again(broker: Broker) -> None:
    channel, client = broker.channel, broker.client
    first, second, _third = broker.deliver(3)
    assert client.hlen("unacked") == 3
    first.ack()
    second.ack()
    assert client.hlen("unacked") == 3
    assert channel.qos.can_consume()
    assert (client.hlen("unacked"), client.zcard("unacked_index")) == (1, 1)
    channel.close()
    assert (client.hlen("unacked"), client.llen("runs")) == (0, 1)


def test_what_is_acknowledged_in_the_last_round_is_told_at_the_end(broker: Broker) -> None:
    [message] = broker.deliver(1)
    message.ack()
    broker.channel.close()
    assert (broker.client.hlen("unacked"), broker.client.llen("runs")) == (0, 0)
