"""A server by its URL, and what a URL must not say."""

from __future__ import annotations

import pytest

from redundancy.config import ConfigError, Server, Tls


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "tls"),
    [
        ("mqtt://plant", "plant", 1883, None, None),
        ("MQTT://plant:1884/", "plant", 1884, None, None),
        ("mqtts://plant", "plant", 8883, None, Tls()),
        ("ws://plant", "plant", 80, "/mqtt", None),
        ("ws://plant:8083/", "plant", 8083, "/", None),
        ("wss://plant", "plant", 443, "/mqtt", Tls()),
        ("wss://[2001:db8::1]:8084/a/b", "2001:db8::1", 8084, "/a/b", Tls()),
    ],
)
def test_a_url_says_where_and_how(url: str, host: str, port: int, path: str | None, tls: Tls | None) -> None:
    server = Server.from_url(url, version=5, keep_alive=10)
    assert (server.host, server.port, server.path, server.tls) == (host, port, path, tls)
    assert (server.name, server.version, server.keep_alive) == (f"{host}:{port}", 5, 10)


def test_files_for_tls_and_a_name_may_be_said_beside_the_url() -> None:
    server = Server.from_url("mqtts://plant", name="North", tls=Tls(ca="/etc/plant-ca.pem"))
    assert (server.name, server.tls) == ("North", Tls(ca="/etc/plant-ca.pem"))


@pytest.mark.parametrize(
    ("url", "field", "reason"),
    [
        ("plant:1883", "url", "is not mqtt://"),
        ("http://plant", "url", "is not mqtt://"),
        ("mqtt://", "url", "is not mqtt://"),
        ("mqtt://:1883", "url", "is not mqtt://"),
        ("mqtt://plant:0", "url", "port 0"),
        ("mqtt://plant:65536", "url", "65536"),
        ("mqtt://plant:mqtt", "url", "'mqtt'"),
        ("mqtt://[plant", "url", "IPv6"),
        ("mqtt://me:secret@plant", "url", "user name or password"),
        ("mqtts://me@plant", "url", "user name or password"),
        ("mqtt:me:secret@plant", "url", "is not mqtt://"),
        ("mqtt://me:secret@plant:x", "url", "Port"),
        ("mqtt://plant/spBv1.0", "url", "path"),
        ("ws://plant/mqtt?token=1", "url", "query"),
        ("wss://plant/mqtt#1", "url", "fragment"),
        ("ws://plant/two words", "path", "characters"),
        ("ws://plant/größe", "path", "characters"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_with_the_reason(url: str, field: str, reason: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Server.from_url(url)
    assert refused.value.field == field
    assert reason in refused.value.reason
    assert "secret" not in str(refused.value)


def test_files_for_tls_at_an_open_wire_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"tls: .* is not mqtts:// or wss://"):
        Server.from_url("mqtt://plant", tls=Tls())


def test_a_path_cannot_smuggle_lines_into_the_handshake() -> None:
    with pytest.raises(ConfigError, match="characters"):
        Server("plant", "plant", 80, path="/mqtt HTTP/1.1\r\nAuthorization: x")
