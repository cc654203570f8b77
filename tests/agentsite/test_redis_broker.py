"""The Redis broker: what is acknowledged is forgotten there before the next message is asked for."""

import redis
from kombu import Connection, Queue

from agentsite import redis_broker
from tests.servers.redis_server import new_redis_database


def test_acknowledgements_are_told_together_and_what_is_not_acknowledged_is_delivered_again() -> None:
    url = new_redis_database()
    client = redis.Redis.from_url(url)
    queue = Queue("runs", routing_key="runs")
    with Connection(url, transport=redis_broker.Transport) as connection:
        channel = connection.channel()
        bound = queue(channel)
        bound.declare()
        producer = connection.Producer()
        for number in range(3):
            producer.publish(number, routing_key="runs")
        first, second, third = (bound.get() for _ in range(3))
        assert first is not None
        assert second is not None
        assert third is not None
        assert client.hlen("unacked") == 3
        first.ack()
        second.ack()
        assert client.hlen("unacked") == 3
        assert channel.qos.can_consume()
        assert (client.hlen("unacked"), client.zcard("unacked_index")) == (1, 1)
        channel.close()
        assert (client.hlen("unacked"), client.llen("runs")) == (0, 1)
    client.close()


def test_what_is_acknowledged_in_the_last_round_is_told_at_the_end() -> None:
    url = new_redis_database()
    client = redis.Redis.from_url(url)
    queue = Queue("runs", routing_key="runs")
    with Connection(url, transport=redis_broker.Transport) as connection:
        channel = connection.channel()
        bound = queue(channel)
        bound.declare()
        connection.Producer().publish(1, routing_key="runs")
        message = bound.get()
        assert message is not None
        message.ack()
        channel.close()
        assert (client.hlen("unacked"), client.llen("runs")) == (0, 0)
    client.close()
