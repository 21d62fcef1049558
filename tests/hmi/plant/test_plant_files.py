"""The plant's layout, accounts and tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hmi.plant import control, credentials, founding, tutorial
from hmi.plant.layout import layout, node_file
from hmi.plant.report import table
from redundancy import identity
from redundancy.config import ConfigError, Role

GATEWAYS = ("Primary", "Edge 1", "Edge 2")


def test_the_ports_are_those_of_the_contract() -> None:
    plant = layout()
    ports = {n.name: (n.http.port, n.link.port, n.mqtt.port if n.mqtt else None) for n in plant.nodes}
    assert ports == {
        "primary-master": (8088, 8060, 1883),
        "primary-backup": (8089, 8061, 1884),
        "edge1-master": (8188, 8160, None),
        "edge1-backup": (8189, 8161, None),
        "edge2-master": (8288, 8260, None),
        "edge2-backup": (8289, 8261, None),
    }
    assert plant.witness.port == 8070


def test_an_offset_shifts_every_port_and_an_impossible_one_is_refused() -> None:
    shifted = layout(20000)
    assert [n.http.port - 20000 for n in shifted.nodes] == [n.http.port for n in layout().nodes]
    for offset in (-1, 60000):
        with pytest.raises(ConfigError, match="port-offset"):
            layout(offset)


def test_every_node_file_of_the_plant_is_valid() -> None:
    plant = layout()
    for node in plant.nodes:
        parsed = identity.parse(node_file(plant, node, "ab" * 32, "key")).node
        assert parsed.peer is not None
        assert parsed.peer.node == plant.peer(node).name
        assert (parsed.role is Role.MASTER) == node.name.endswith("master")


def test_credentials_are_made_once_at_random_and_for_the_owner_only(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first, again = credentials.credentials(tmp_path), credentials.credentials(tmp_path)
    other = credentials.credentials(tmp_path / "other")
    assert first == again
    assert (tmp_path / credentials.FILE).stat().st_mode & 0o777 == 0o600
    secrets = [account["password"] for name, account in first.items() if name != "mqtt"]
    secrets += [account["password"] for account in first["mqtt"].values()]
    others = [account["password"] for name, account in other.items() if name != "mqtt"]
    assert len(set(secrets)) == len(secrets)
    assert not set(secrets) & set(others)
    assert all(len(password) >= 20 for password in secrets)


def test_no_secret_of_a_node_is_in_the_credentials_that_people_read(tmp_path: Path) -> None:
    keys = credentials.keys(tmp_path, GATEWAYS)
    people = json.dumps(credentials.credentials(tmp_path))
    assert keys["plant_key"] not in people
    assert not any(secret in people for secret in keys["secret_keys"].values())


def test_an_integrator_may_write_everything_but_the_hosts_state(tmp_path: Path) -> None:
    keys = credentials.keys(tmp_path, GATEWAYS)
    mqtt = credentials.credentials(tmp_path)["mqtt"]
    users = {
        u["username"]: u for u in tutorial.config(layout(), "Primary", keys["brokers"], mqtt)["broker_users"]
    }
    assert users["observer"]["acl"] == ["R #"]
    assert "RW #" in users["integrator"]["acl"]
    assert "-W spBv1.0/STATE/Primary" in users["integrator"]["acl"]
    assert users["Primary"]["client_ids"] == ["Primary-*"]


def test_a_second_plant_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with founding.lock(tmp_path), pytest.raises(ConfigError, match="already runs"):
        founding.lock(tmp_path)
    founding.lock(tmp_path).close()


def test_asking_where_no_plant_runs_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no plant runs"):
        control.ask(tmp_path, "status")


def test_tables_line_up() -> None:
    assert table([{"a": 1, "long name": None}, {"a": "text", "long name": True}]).splitlines() == [
        "a     long name",
        "----  ---------",
        "1     -",
        "text  yes",
    ]
