"""A node's redundancy settings, from the form and the document to the node's own file."""

from __future__ import annotations

from typing import Any

import pytest

from hmi.gateways.frozen import freeze, node_file
from hmi.gateways.models import Node
from hmi.people.models import User
from hmi.replication import documents
from hmi.replication.checks import check
from hmi.replication.schema import ConfigDocument, Invalid, parse
from redundancy import identity
from redundancy.config import Endpoint, LinkTls, NodeConfig
from redundancy.profiles import Profile
from tests.hmi.founded import browser, config
from tests.hmi.gateways.test_admin import fields_of, node_url

MASTER, BACKUP = "primary-master", "primary-backup"
FILES = {"link_ca": "/tls/ca.pem", "link_certificate": "/tls/node.pem", "link_key": "/tls/node.key"}


def document(master: dict[str, Any] | None = None, backup: dict[str, Any] | None = None) -> ConfigDocument:
    raw = config(server_sets=[], engine=None, transmission=None)
    raw["nodes"][0].update(master or {})
    raw["nodes"][1].update(backup or {})
    return parse(ConfigDocument, raw)


def told(name: str, master: dict[str, Any] | None = None, backup: dict[str, Any] | None = None) -> NodeConfig:
    """What the node's own file says, as the node reads it."""
    whole = document(master, backup)
    check(whole)
    return identity.parse(node_file(whole, name, "00" * 32, "a key")).node


def refused(master: dict[str, Any] | None = None, backup: dict[str, Any] | None = None) -> list[str]:
    with pytest.raises(Invalid) as error:
        check(document(master, backup))
    return [str(problem) for problem in error.value.problems]


def test_a_document_from_before_these_settings_means_what_it_meant() -> None:
    node = told(MASTER)
    assert (node.redundancy.failover_timeout, node.redundancy.startup_allowance) == (2.0, 10.0)
    assert (node.redundancy.sync_timeout, node.redundancy.profile) == (60.0, Profile.OWN)
    assert (node.listens, node.link_tls, node.url) == (node.link, None, "http://127.0.0.1:26088")


def test_a_file_from_before_these_settings_means_what_it_meant() -> None:
    raw = node_file(document(), MASTER, "00" * 32, "a key")
    for name in ("link_tls", "bind_interface"):
        del raw[name]
    for name in ("sync_timeout", "profile"):
        del raw["redundancy"][name]
    assert identity.parse(raw).node == told(MASTER)


@pytest.mark.parametrize(("profile", "lease", "allowance"), [("fast", 2.0, 10.0), ("classic", 10.0, 30.0)])
def test_a_profile_decides_the_times_that_are_left_open(profile: str, lease: float, allowance: float) -> None:
    chosen = {"profile": profile}
    settings = told(BACKUP, chosen, chosen).redundancy
    assert (settings.failover_timeout, settings.startup_allowance) == (lease, allowance)
    raw = {**node_file(document(), MASTER, "00" * 32, "a key"), "redundancy": chosen}
    assert identity.parse(raw).node.redundancy.failover_timeout == lease


def test_a_time_beside_a_profile_that_says_otherwise_is_refused() -> None:
    both = {"profile": "classic", "failover_timeout": 3.0}
    why = "failover_timeout: is 10 s in the profile classic; for another, take the profile own"
    assert refused(both, both)[0] == f"node/{MASTER}: {why}"


def test_in_classic_the_engine_s_sessions_outlive_the_lease() -> None:
    raw = config()
    for group in raw["server_sets"]:
        for server in group["servers"]:
            server.update(password="", keep_alive=3)
    for node in raw["nodes"]:
        node["profile"] = "classic"
    found = freeze(parse(ConfigDocument, raw), MASTER, "1")
    assert found.engine is not None
    assert found.transmission is not None
    assert [server.keep_alive for server in found.engine.servers] == [7, 7]
    assert [server.keep_alive for server in found.transmission.servers] == [3]


def test_the_interface_is_detected_or_said() -> None:
    said = {"bind_interface": "127.0.0.2"}
    assert told(MASTER, said).listens == Endpoint("127.0.0.1", 26060), "it is detected all the same"
    assert told(MASTER, said | {"auto_detect_interface": False}).listens == Endpoint("127.0.0.2", 26060)
    assert refused({"auto_detect_interface": False}) == [
        f"node/{MASTER}: bind_interface: is empty, and the interface is not to be detected"
    ]
    wrong = {"auto_detect_interface": False, "bind_interface": "eth0"}
    assert refused(wrong) == [f"node/{MASTER}: bind_interface: 'eth0' is no IP address of this machine"]


def test_a_backup_may_find_its_master_at_an_address_of_its_own() -> None:
    def found(**settings: Any) -> str:
        peer = told(BACKUP, None, settings).peer
        assert peer is not None
        return str(peer.link)

    assert found() == "127.0.0.1:26060"
    assert found(master_address="10.1.0.1") == "10.1.0.1:26060"
    assert found(master_port=9060) == "127.0.0.1:9060"
    assert found(master_address="10.1.0.1", master_port=9060) == "10.1.0.1:9060"
    assert "is where a Backup finds its Master" in refused({"master_address": "10.1.0.1"})[0]


@pytest.mark.parametrize(
    ("http", "link", "url"),
    [
        ("10.0.0.5:8088", "10.9.0.5:8060", "http://10.0.0.5:8088"),
        ("0.0.0.0:8088", "10.9.0.5:8060", "http://10.9.0.5:8088"),
        ("0.0.0.0:8088", "gateway.example:8060", "http://gateway.example:8088"),
    ],
)
def test_an_http_address_is_detected_from_where_the_node_listens(http: str, link: str, url: str) -> None:
    detecting = {"auto_detect_http": True, "url": "", "http": http, "link": link}
    assert told(MASTER, detecting).url == url
    peer = told(BACKUP, detecting).peer
    assert peer is not None
    assert peer.url == url, "both nodes send browsers to the same place"


def test_an_explicit_http_address_stands_while_it_is_not_detected() -> None:
    assert told(MASTER, {"url": "https://hmi.example"}).url == "https://hmi.example"
    both = {"url": "https://hmi.example", "auto_detect_http": True}
    assert told(MASTER, both).url == "http://127.0.0.1:26088"
    assert "is not http://host:port" in refused({"url": ""})[0]


def test_an_address_that_cannot_be_detected_is_to_be_said() -> None:
    everywhere = {"auto_detect_http": True, "http": "0.0.0.0:8088", "link": "0.0.0.0:8060"}
    assert refused(everywhere) == [
        f"node/{MASTER}: url: can't be detected: web server and pair link both listen everywhere"
    ]


def test_the_link_s_certificates_reach_both_nodes_or_none() -> None:
    assert told(MASTER, FILES, FILES).link_tls == LinkTls("/tls/ca.pem", "/tls/node.pem", "/tls/node.key")
    assert refused(FILES)[0].startswith(f"node/{BACKUP}: link_ca: the other node's link has TLS")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"link_key": ""}, "link_key: is missing"),
        ({"link_certificate": ""}, "link_certificate: is missing"),
        ({"link_ca": "ca.pem"}, "link_ca: 'ca.pem' is not a whole path"),
    ],
)
def test_certificates_that_are_not_whole_are_refused_at_their_field(
    changes: dict[str, str], problem: str
) -> None:
    assert refused(FILES | changes, FILES)[0].startswith(f"node/{MASTER}: {problem}")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"profile": "slow"}, "profile"),
        ({"sync_timeout": "60"}, "sync_timeout"),
        ({"master_port": 0}, "master_port"),
        ({"auto_detect_http": "yes"}, "auto_detect_http"),
        ({"bind_interface": None}, "bind_interface"),
    ],
)
def test_a_setting_of_another_shape_is_refused_by_its_name(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as error:
        document(changes)
    assert [problem.field for problem in error.value.problems] == [field]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"link_tls": {"ca": "/ca.pem"}}, "link_tls.certificate"),
        ({"bind_interface": "eth0"}, "bind_interface"),
        ({"redundancy": {"profile": "slow"}}, "profile"),
        ({"redundancy": {"sync_timeout": True}}, "redundancy.sync_timeout"),
        ({"redundancy": {"sync_timeout": 0.5}}, "sync_timeout"),
        ({"redundancy": {"profile": "fast", "startup_allowance": 3}}, "startup_allowance"),
        ({"redundancy": {"ping_rate": 1000}}, "redundancy.ping_rate"),
    ],
)
def test_a_wrong_setting_in_the_node_s_own_file_is_named(changes: dict[str, Any], field: str) -> None:
    raw = node_file(document(), MASTER, "00" * 32, "a key")
    with pytest.raises(identity.ConfigError) as error:
        identity.parse(raw | changes)
    assert error.value.field == field


@pytest.mark.django_db
def test_a_profile_chosen_in_the_form_fills_the_times_of_both_nodes(
    founded: Any, users: dict[str, User]
) -> None:
    alice = browser(users["alice"])
    for profile, times in (("classic", (10.0, 30.0)), ("fast", (2.0, 10.0))):
        url = node_url(MASTER)
        assert alice.post(url, fields_of(alice, url) | {"profile": profile}).status_code == 302
        for node in Node.objects.all():
            assert (node.profile, node.failover_timeout, node.startup_allowance) == (profile, *times)


@pytest.mark.django_db
def test_the_lease_is_changed_on_both_nodes_and_the_allowance_on_one(
    founded: Any, users: dict[str, User]
) -> None:
    alice, url = browser(users["alice"]), node_url(MASTER)
    changes = {"failover_timeout": "3", "startup_allowance": "4"}
    assert alice.post(url, fields_of(alice, url) | changes).status_code == 302
    assert {node.failover_timeout for node in Node.objects.all()} == {3.0}
    assert Node.objects.get(name=BACKUP).startup_allowance == 10


@pytest.mark.django_db
def test_every_setting_survives_the_rows_and_the_form_shows_it(founded: Any, users: dict[str, User]) -> None:
    raw = documents.export()
    wanted = FILES | {"auto_detect_interface": False, "bind_interface": "127.0.0.1", "sync_timeout": 30.0}
    for node in raw["nodes"]:
        node.update(wanted)
    raw["nodes"][1 if raw["nodes"][1]["role"] == "Backup" else 0].update(master_address="m", master_port=9)
    documents.install(raw)
    assert documents.export()["nodes"] == raw["nodes"]
    page = browser(users["alice"]).get(node_url(BACKUP)).content.decode()
    for group in (
        "Redundancy Settings",
        "Network Settings",
        "TLS of the links",
        "HTTP Addresses for Clients",
    ):
        assert group in page
    assert "/tls/node.pem" in page
