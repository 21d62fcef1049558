"""What the runtime and the Distributor are told: the same document, read by each node in its own way."""

from __future__ import annotations

from typing import Any

import pytest

from hmi.gateways.distributor import distributor_config
from hmi.gateways.frozen import gateway_config
from hmi.replication import documents, ledger
from redundancy import identity
from redundancy.config import GatewayConfig, Tls
from redundancy.distributor import passwords
from tests.hmi.founded import config
from tests.hmi.live_node import NODE

pytestmark = pytest.mark.django_db


def frozen(node: str | None = None) -> GatewayConfig:
    found = gateway_config(node)
    assert found is not None
    return found


def test_each_node_finds_its_own_and_the_other_s_broker(founded: Any) -> None:
    def addresses(node: str) -> list[tuple[str, int]]:
        engine = frozen(node).engine
        assert engine is not None
        return [(server.name, server.port) for server in engine.servers]

    assert addresses("primary-master") == [("Chariot SCADA", 19883), ("Chariot SCADA Peer", 19884)]
    assert addresses("primary-backup") == [("Chariot SCADA", 19884), ("Chariot SCADA Peer", 19883)]


def test_passwords_are_opened_for_the_runtime_only(founded: Any) -> None:
    engine = frozen().engine
    assert engine is not None
    assert [server.password for server in engine.servers] == ["secret 1", "secret 2"]
    assert "secret" not in repr(engine)


def test_both_nodes_hold_one_version(founded: Any) -> None:
    assert frozen("primary-master").version == frozen("primary-backup").version == ledger.config_version()


def test_transmission_is_told_its_edges_and_its_host(founded: Any) -> None:
    transmission = frozen().transmission
    assert transmission is not None
    assert (transmission.host_id, transmission.servers[0].host) == ("Primary", "broker.example")
    assert [(t.group, t.edge, t.devices) for t in transmission.transmitters] == [
        ("Group 1", "Edge 1", ("Device 1",))
    ]


def test_without_a_host_id_no_host_is_waited_for(founded: Any) -> None:
    documents.install(config(transmission={"server_set": "Far"}))
    transmission = frozen().transmission
    assert transmission is not None
    assert transmission.host_id is None


def test_the_settings_of_legacy_state_and_start_up_reach_the_modules(founded: Any) -> None:
    documents.install(
        config(
            engine={"host_id": "Primary", "server_set": "Brokers", "legacy_state": True},
            transmission={"server_set": "Far", "legacy_state": True, "startup_delay": 7.5},
        )
    )
    engine, transmission = frozen().engine, frozen().transmission
    assert engine is not None
    assert transmission is not None
    assert (engine.legacy_state, transmission.legacy_state, transmission.startup_delay) == (True, True, 7.5)


def test_a_disabled_module_is_not_told_of(founded: Any) -> None:
    documents.install(config(engine={"host_id": "Primary", "server_set": "Brokers", "enabled": False}))
    assert frozen().engine is None


def test_a_broker_that_listens_everywhere_is_found_at_its_node(founded: Any) -> None:
    document = config()
    for node, host in zip(document["nodes"], ("10.0.0.1", "10.0.0.2"), strict=True):
        node.update(mqtt="0.0.0.0:1883", link=f"{host}:8060")
    documents.install(document)
    engine = frozen("primary-master").engine
    assert engine is not None
    assert [server.host for server in engine.servers] == ["127.0.0.1", "10.0.0.2"]


def test_a_server_s_version_transport_and_tls_reach_the_modules(founded: Any) -> None:
    document = config()
    document["server_sets"][0]["servers"] = [
        {"name": "open", "host": "a"},
        {"name": "wss", "host": "b", "port": 443, "mqtt_version": "5", "transport": "websocket"}
        | {"path": "/broker", "tls": True, "ca_file": "/etc/ca.pem", "verify": False},
    ]
    documents.install(document)
    engine = frozen().engine
    assert engine is not None
    plain, secure = engine.servers
    assert (plain.version, plain.path, plain.tls) == (4, None, None)
    assert (secure.version, secure.path) == (5, "/broker")
    assert secure.tls == Tls("/etc/ca.pem", verify=False)


def test_the_pair_s_own_brokers_are_found_at_the_door_that_fits(founded: Any) -> None:
    document = config()
    for number, node in enumerate(document["nodes"]):
        node.update(mqtts=f"127.0.0.1:2688{number}", tls_certificate="/s.pem", tls_key="/s.key")
        node.update(mqtt_ws=f"127.0.0.1:2689{number}")
    for server in document["server_sets"][0]["servers"]:
        server.update(tls=True, ca_file="/ca.pem")
    documents.install(document)
    engine = frozen("primary-master").engine
    assert engine is not None
    assert [server.port for server in engine.servers] == [26880, 26881]
    told = distributor_config(identity.parse(NODE).node)
    assert told is not None
    assert told["listeners"] == [
        {"listen": "127.0.0.1:26880", "certificate": "/s.pem", "key": "/s.key"},
        {"listen": "127.0.0.1:26890", "websocket": True},
    ]


def test_a_fresh_backup_has_no_configuration_yet(node: Any) -> None:
    assert gateway_config() is None


def test_the_distributor_reserves_what_is_the_pair_s_own(founded: Any) -> None:
    told = distributor_config(identity.parse(NODE).node)
    assert told is not None
    assert told["listen"] == "127.0.0.1:19883"
    assert told["reserved_client_ids"] == ["Primary-*"]
    assert told["fenced_client_ids"] == ["Primary-cmd", "Primary-state-*", "Primary-legacy-*"]
    assert told["lease"] == 2.0
    users = {user["username"]: user for user in told["users"]}
    assert users["Primary"]["client_ids"] == ["Primary-*"]
    assert "client_ids" not in users["observer"], "no patterns means every id that is not reserved"
    assert passwords.verify(users["observer"]["password_hash"], b"a broker's password")


def test_an_id_that_one_user_owns_is_reserved_but_a_wildcard_reserves_nothing(founded: Any) -> None:
    users = config()["broker_users"]
    users[0]["client_ids"] = ["Group 1-Edge 1"]
    users[1]["client_ids"] = ["*"]
    documents.install(config(broker_users=users))
    told = distributor_config(identity.parse(NODE).node)
    assert told is not None
    assert told["reserved_client_ids"] == ["Group 1-Edge 1", "Primary-*"]


def test_a_node_without_a_broker_has_nothing_to_distribute(founded: Any) -> None:
    assert distributor_config(identity.parse(NODE | {"mqtt": None}).node) is None
