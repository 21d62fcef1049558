"""What a component may be told, and what is refused with the field and the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from redundancy.adapter.config import (
    ComponentConfig,
    FailoverSettings,
    Kind,
    Mode,
    ServerConfig,
    derived_client_id,
)
from redundancy.config import ConfigError, Server, Tls, TlsVersion


def at(host: str, name: str = "", **more: Any) -> ServerConfig:
    return ServerConfig(name or host, Server(name or host, host, 1883, **more))


def component(**changes: Any) -> ComponentConfig:
    settings = {"id": "MQTT1", "servers": (at("one"), at("two")), "client_id": "reader", **changes}
    return ComponentConfig(**settings)


def test_defaults_make_a_plain_component_fail_over_and_return_when_the_first_server_is_stable() -> None:
    made = component()
    assert (made.kind, made.failover.mode, made.failover.failback, made.running) == (
        Kind.MQTT,
        Mode.FAILOVER,
        10.0,
        True,
    )


def test_the_component_s_connect_timeout_holds_at_every_server() -> None:
    made = component(failover=FailoverSettings(connect_timeout=2.5))
    assert [each.server.connect_timeout for each in made.dialled()] == [2.5, 2.5]


def test_a_component_without_a_server_is_allowed_and_reads_nothing() -> None:
    assert ComponentConfig("MQTT1").dialled() == ()


@pytest.mark.parametrize(
    ("wrong", "field", "reason"),
    [
        (lambda: component(id=""), "id", "needs an id"),
        (lambda: at(" ", " "), "id", "needs an id"),
        (
            lambda: component(servers=(at("one", "a"), at("two", "A"))),
            "servers",
            "two servers have the id 'a'",
        ),
        (lambda: component(servers=(at("one", "a"), at("ONE", "b"))), "servers", "one:1883 is there twice"),
        (lambda: component(client_id=""), "client_id", "at least one"),
        (lambda: component(client_id="a\0b"), "client_id", "no NUL"),
        (lambda: component(servers=(at("one", version=3),), client_id="r" * 18), "client_id", "MQTT 3.1"),
        (lambda: component(filters=(("a/#/b", 1),)), "filters", "# is not alone on the last level"),
        (lambda: component(filters=(("", 1),)), "filters", "is empty"),
        (lambda: component(filters=(("a", 3),)), "filters", "QoS 3"),
        (lambda: component(filters=(("a", 1), ("a", 2))), "filters", "'a' is there twice"),
        (lambda: component(kind=Kind.SPARKPLUG, filters=(("a", 1),)), "filters", "takes none"),
        (lambda: component(primary_host_id="H"), "primary_host_id", "MQTTSparkplugB"),
        (lambda: component(kind=Kind.SPARKPLUG, primary_host_id="a/b"), "primary_host_id", "'a/b'"),
        (lambda: component(queue=0), "queue", "between 1"),
        (lambda: FailoverSettings(connect_timeout=0), "connect_timeout", "0 s is not between"),
        (lambda: FailoverSettings(failback=-1), "failback", "-1 s is not between"),
        (lambda: FailoverSettings(first_pause=60), "longest_pause", "shorter than the first pause, 60 s"),
        (lambda: Tls(certificate="a.pem"), "certificate_file", "needs its key"),
        (lambda: Tls(certificate="a.PFX", key="a.key"), "certificate_file", "has its key inside"),
        (lambda: Tls(password="secret"), "password", "no certificate"),
        (lambda: Tls(least=TlsVersion.V13, most=TlsVersion.V12), "most", "TLS12 is older than TLS13"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name_and_the_reason(
    wrong: Callable[[], object], field: str, reason: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        wrong()
    assert refused.value.field == field
    assert reason in refused.value.reason


def test_no_repr_shows_a_password() -> None:
    server = Server("s", "h", 1, password="sesame", tls=Tls(certificate="a.pfx", password="open"))
    shown = repr(component(servers=(ServerConfig("a", server),)))
    assert "sesame" not in shown
    assert "open" not in shown


def test_a_derived_client_id_is_the_same_every_time_and_every_server_takes_it() -> None:
    made = derived_client_id("Primary", "MQTT1")
    assert made == derived_client_id("Primary", "MQTT1")
    assert len({made, derived_client_id("Primary", "MQTT2"), derived_client_id("Other", "MQTT1")}) == 3
    assert component(servers=(at("one", version=3),), client_id=made)
