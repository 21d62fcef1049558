"""Sessions that a server keeps between two connections, against real servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from redundancy.mqtt import Acked, Connection, Kept, Message, Opened, Subscribed
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
    connection.subscribe([(f"{client_id}/#", 1)])
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
