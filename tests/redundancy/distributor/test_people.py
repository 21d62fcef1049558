"""Who may come in and what they may do. Where Mosquitto differs by choice, the test says so."""

from __future__ import annotations

import time

import pytest

from tests.redundancy.distributor import wire
from tests.redundancy.distributor.conftest import Server, user
from tests.redundancy.distributor.wire import (
    PUBACK,
    RawClient,
    listening,
    opened,
    publish,
    subscribe,
    wait_until,
)


def answer(port: int, data: bytes) -> int:
    """The return or reason code of CONNACK."""
    with RawClient(port) as client:
        client.send(data)
        code = client.expect(wire.CONNACK)[1]
        assert code == 0 or client.closed()
        return code


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize(
    ("username", "password"), [("admin", "guess"), ("nobody", "guess"), ("admin", ""), (None, None)]
)
def test_nobody_comes_in_without_the_right_password(server: Server, name, version, username, password):
    code = answer(server.port, wire.connect(name, username, password, version=version))
    # 5.0: ours says "bad user name or password", Mosquitto "not authorized".
    assert code == 5 if version == 4 else code in (0x86, 0x87)


def test_a_wrong_password_is_answered_late(own_server: Server, name):
    start = time.monotonic()
    assert answer(own_server.port, wire.connect(name, "admin", "guess")) == 5
    assert time.monotonic() - start >= own_server.config["limits"]["refusal_delay"]


def test_a_filter_beyond_the_rights_is_refused(own_server: Server, name):
    # Mosquitto 2.0 grants every subscription and filters at delivery only.
    for version, refused in ((4, 0x80), (5, 0x87)):
        with opened(own_server.port, name, "reader", version=version) as client:
            client.send(subscribe(1, ("other/#", 0), ("plant/a/#", 1), ("#", 0), version=version))
            assert client.expect(wire.SUBACK)[-3:] == bytes((refused, 1, 0))


def test_only_what_may_be_read_is_delivered(server: Server, place, name):
    with (
        listening(server.port, name, ("#", 0), username="reader") as reader,
        opened(server.port, f"{name}-2") as source,
    ):
        source.send(publish("other/secret", b"no") + publish(f"{place}/a", b"yes"))
        topics = []
        while f"{place}/a" not in topics:
            topics.append(wire.message(*reader.read())[0])
        assert all(topic.startswith("plant/") for topic in topics)


@pytest.mark.parametrize("version", [4, 5])
def test_what_may_not_be_written_reaches_nobody(server: Server, place, name, version):
    with listening(server.port, name, (f"{place}/#", 1)) as watcher:
        with opened(server.port, f"{name}-2", "reader", version=version) as guest:
            guest.send(publish(f"{place}/a", b"forged", 1, packet_id=5, version=version))
            assert guest.expect(PUBACK)[:3] == (b"\0\x05" if version == 4 else b"\0\x05\x87")
        watcher.send(publish(f"{place}/b", b"mine"))
        assert wire.message(*watcher.read())[1] == b"mine"


def test_a_denial_wins_over_what_was_given(own_server: Server, name):
    with (
        listening(own_server.port, name, ("plant/secret/#", 0), ("plant/#", 0)) as watcher,
        opened(own_server.port, f"{name}-2", "walled") as walled,
    ):
        walled.send(subscribe(1, ("plant/secret/x", 0), ("plant/#", 0)))
        assert walled.expect(wire.SUBACK) == b"\0\x01\x80\0"
        walled.send(publish("plant/secret/a", b"no") + publish(f"plant/{name}", b"yes"))
        while (got := wire.message(*watcher.read()))[0] != f"plant/{name}":
            assert got[0] != "plant/secret/a"


def test_a_reserved_client_id_is_only_for_the_user_it_was_given_to(own_server: Server):
    assert answer(own_server.port, wire.connect("Primary-cmd", "admin")) == 2
    assert answer(own_server.port, wire.connect("Primary-cmd", "admin", version=5)) == 0x85
    assert answer(own_server.port, wire.connect("Primary-cmd", "pair", "pair-secret")) == 0
    assert answer(own_server.port, wire.connect("other", "pair", "pair-secret")) == 2, "and those are all"


def test_two_users_cannot_share_a_client_id(own_server: Server, name):
    # Mosquitto lets the second one throw the first one out.
    with opened(own_server.port, name, "operator") as owner:
        assert answer(own_server.port, wire.connect(name, "twin", "twin-secret")) == 2
        owner.send(wire.PINGREQ)
        owner.expect(wire.PINGRESP)


def test_users_come_and_go_while_the_server_runs(own_server: Server, name):
    """Changing the file is enough; connections of other users do not notice."""
    users = own_server.config["users"]
    newcomer = user(f"user {name}", ["RW plant/#"])
    with opened(own_server.port, name) as other:
        try:
            own_server.config["users"] = [*users, newcomer]
            own_server.rewrite()
            hello = wire.connect(f"{name}-2", f"user {name}", f"user {name}-secret")
            wait_until(lambda: answer_of(own_server.port, hello) == 0)
            with RawClient(own_server.port) as client:
                client.send(hello)
                client.expect(wire.CONNACK)
                own_server.config["users"] = users
                own_server.rewrite()
                assert client.closed(), "whose user is gone must go"
            assert answer(own_server.port, hello) == 5
        finally:
            own_server.config["users"] = users
            own_server.rewrite()
        other.send(wire.PINGREQ)
        other.expect(wire.PINGRESP)


def answer_of(port: int, hello: bytes) -> int:
    with RawClient(port) as client:
        client.send(hello)
        return client.expect(wire.CONNACK)[1]
