"""Sessions that a server keeps between two connections, against real servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from redundancy.mqtt import Acked, Connection, Kept, Message, Opened, Receipts, Subscribed
from tests.redundancy.brokers import KINDS, Broker, running
from tests.redundancy.test_mqtt import Log, connect, connected
from tests.waiting import until

BY_HAND = Kept(expiry=60, by_hand=True)
# The Distributor knows no MQTT 3.1.
WHILE_AWAY = [
    (kind, version) for kind in KINDS for version in (3, 4, 5) if (kind, version) != ("distributor", 3)
]


@pytest.fixture(scope="module", params=KINDS)
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running(request.param, tmp_path_factory.mktemp("broker")) as server:
        yield server


async def subscribed(broker: Broker, client_id: str, kept: Kept, version: int) -> tuple[Connection, Log]:
    connection, log = connect(broker.server(version=version), client_id, kept=kept)
    await until(lambda: connection.is_open)
    connection.subscribe([(f"{client_id}/#", 2)])
    await until(lambda: log.of(Subscribed))
    return connection, log


async def away(connection: Connection) -> None:
    connection.close()
    await connection.wait_ended()


@pytest.mark.parametrize(("broker", "version"), WHILE_AWAY, indirect=["broker"])
async def test_what_comes_while_the_client_is_away_waits_for_it(broker: Broker, version: int) -> None:
    name = f"kept{version}"
    connection, log = await subscribed(broker, name, Kept(), version)
    assert [opened.resumed for opened in log.of(Opened)] == [False]
    await away(connection)
    async with connected(broker.server(), "writer") as (writer, said):
        for number in range(3):
            writer.publish(f"{name}/x", b"%d" % number, 1)
        await until(lambda: len(said.of(Acked)) == 3)
    again, heard = connect(broker.server(version=version), name, kept=Kept())
    await until(lambda: len(heard.of(Message)) == 3)
    # MQTT 3.1 has no flag that says so.
    assert heard.of(Opened)[0].resumed or version == 3
    assert [message.payload for message in heard.of(Message)] == [b"0", b"1", b"2"]
    await away(again)


@pytest.mark.parametrize("version", [4, 5])
async def test_a_message_that_nobody_has_acknowledged_comes_again(broker: Broker, version: int) -> None:
    name = f"hand{version}"
    connection, log = await subscribed(broker, name, BY_HAND, version)
    async with connected(broker.server(version=5), "author") as (writer, said):
        for number in range(3):
            writer.publish(f"{name}/x", b"%d" % number, 1, user=(("seq", str(number)),))
        await until(lambda: len(said.of(Acked)) == 3)
    await until(lambda: len(log.of(Message)) == 3)
    connection.acknowledge(log.of(Message)[0])
    await away(connection)
    again, heard = connect(broker.server(version=version), name, kept=BY_HAND)
    await until(lambda: len(heard.of(Message)) == 2)
    assert [message.payload for message in heard.of(Message)] == [b"1", b"2"]
    assert [message.user for message in heard.of(Message)] == (
        [(("seq", "1"),), (("seq", "2"),)] if version == 5 else [(), ()]
    )
    await away(again)


# A server may say that nobody listens; Mosquitto does.
@pytest.mark.parametrize(
    ("broker", "code"), [(kind, 16 if kind == "mosquitto" else 0) for kind in KINDS], indirect=["broker"]
)
async def test_an_acknowledgement_says_what_the_server_thinks_of_the_message(
    broker: Broker, code: int
) -> None:
    async with connected(broker.server(version=5), "alone") as (writer, said):
        mid = writer.publish("nobody/listens", b"x", 1)
        await until(lambda: said.of(Acked))
        assert [(acked.mid, acked.code) for acked in said.of(Acked)] == [(mid, code)]


async def written(broker: Broker, topic: str, qos: int, payloads: list[bytes]) -> None:
    async with connected(broker.server(version=5), f"author of {topic}") as (writer, said):
        for payload in payloads:
            writer.publish(topic, payload, qos)
        await until(lambda: len(said.of(Acked)) == len(payloads))


NUMBERS = [b"%d" % number for number in range(60)]


@pytest.mark.parametrize("version", [4, 5])
async def test_at_qos_2_nothing_is_lost_with_a_taker_that_dies(broker: Broker, version: int) -> None:
    name = f"crash{version}"
    connection, log = await subscribed(broker, name, BY_HAND, version)
    await written(broker, f"{name}/x", 2, NUMBERS)
    await until(lambda: log.of(Message))
    for message in log.of(Message)[:5]:
        connection.acknowledge(message)
    connection.close(clean=False)  # and all that was in its memory is gone
    await connection.wait_ended()
    again, heard = connect(broker.server(version=version), name, kept=BY_HAND)
    await until(lambda: heard.of(Opened))
    for count in range(1, 100):
        await until(lambda count=count: len(heard.of(Message)) >= count or NUMBERS[-1] in payloads(heard))
        again.acknowledge(heard.of(Message)[count - 1])
        if payloads(heard)[-1] == NUMBERS[-1] and len(heard.of(Message)) == count:
            break
    assert payloads(heard) == NUMBERS[-len(payloads(heard)) :]
    assert len(payloads(heard)) >= len(NUMBERS) - 5
    await away(again)


def payloads(log: Log) -> list[bytes]:
    return [message.payload for message in log.of(Message)]


@pytest.mark.parametrize("qos", [1, 2])
async def test_a_taker_that_outlives_its_connections_hears_of_every_message_once(
    broker: Broker, qos: int
) -> None:
    name = f"once{qos}"
    receipts, heard = Receipts(), []
    connection, log = await subscribed(broker, name, BY_HAND, 4)
    await away(connection)
    await written(broker, f"{name}/x", qos, NUMBERS)
    while len({message.payload for message in heard}) < len(NUMBERS):
        connection, log = connect(broker.server(), name, kept=BY_HAND, receipts=receipts)
        await until(lambda log=log: log.of(Message), "the session stands still")
        heard += log.of(Message)
        # The first half of what came is acknowledged before the break, the other half only after it.
        half = len(log.of(Message)) // 2
        for message in log.of(Message)[:half]:
            connection.acknowledge(message)
        connection.close(clean=False)
        await connection.wait_ended()
        for message in log.of(Message)[half:]:
            connection.acknowledge(message)
    distinct = dict.fromkeys(message.payload for message in heard)
    assert list(distinct) == NUMBERS
    assert len(heard) == len(NUMBERS) or qos == 1, "exactly once"


async def test_user_properties_of_any_size_arrive_as_they_were_given(broker: Broker) -> None:
    given = (("long", "x" * 20_000), ("", ""), ("größe", "Ω"), ("long", "again"))
    connection, log = await subscribed(broker, "properties", BY_HAND, 5)
    async with connected(broker.server(version=5), "giver") as (writer, _):
        writer.publish("properties/x", b"y", 1, user=given)
        await until(lambda: log.of(Message))
        with pytest.raises(ValueError, match="65535"):
            writer.publish("properties/x", b"y", 1, user=(("x", "y" * 65536),))
    assert log.of(Message)[0].user == given
    await away(connection)
