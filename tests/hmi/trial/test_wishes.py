"""What somebody may ask to try: from the command line, from a file, and what is refused, with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hmi.trial import founding
from hmi.trial.running import line
from hmi.trial.wishes import PASSWORD, EdgeWishes, HostWishes, wishes
from redundancy.config import ConfigError

URL = "mqtt://127.0.0.1:1883"


def host(**given: Any) -> HostWishes:
    return wishes(HostWishes, {"url": URL, **given})


def edge(**given: Any) -> EdgeWishes:
    return wishes(EdgeWishes, {"url": URL, **given})


def toml(folder: Path, text: str) -> str:
    path = folder / "try.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def servers(asked: HostWishes | EdgeWishes) -> list[dict[str, Any]]:
    return founding.judge(asked)["server_sets"][0]["servers"]


def test_a_url_is_enough() -> None:
    engine = founding.judge(host())["engine"]
    assert (engine["host_id"], engine["reorder_timeout"], engine["legacy_state"]) == ("Primary", 2.0, False)
    transmission = founding.judge(edge())["transmission"]
    assert transmission["host_id"] == ""
    assert transmission["transmitters"] == [
        {"group": "Group 1", "edge": "Edge 1", "devices": ["Device 1"], "use_aliases": False}
    ]


def test_further_servers_come_after_the_first() -> None:
    found = servers(host(server=["mqtt://b.example:1884", "mqtt://c.example"], username="u"))
    assert [(each["host"], each["port"]) for each in found] == [
        ("127.0.0.1", 1883),
        ("b.example", 1884),
        ("c.example", 1883),
    ]
    assert {each["username"] for each in found} == {"u"}


@pytest.mark.parametrize(
    ("url", "port", "transport", "tls", "path"),
    [
        ("mqtt://b.example", 1883, "tcp", False, "/mqtt"),
        ("mqtts://b.example", 8883, "tcp", True, "/mqtt"),
        ("ws://b.example", 80, "websocket", False, "/mqtt"),
        ("ws://b.example:8083/other/path", 8083, "websocket", False, "/other/path"),
        ("wss://b.example", 443, "websocket", True, "/mqtt"),
    ],
)
def test_the_scheme_of_the_url_says_how_to_connect(
    url: str, port: int, transport: str, tls: bool, path: str
) -> None:
    (server,) = servers(host(url=url))
    assert (server["port"], server["transport"], server["tls"], server["path"]) == (
        port,
        transport,
        tls,
        path,
    )


def test_the_files_for_tls_are_the_tls_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ca.pem").write_text("a certificate")
    monkeypatch.chdir(tmp_path)
    open_wire, secured = servers(host(url="mqtt://a.example", server=["mqtts://b.example"], ca="ca.pem"))
    assert "ca_file" not in open_wire
    assert secured["ca_file"] == str(tmp_path / "ca.pem")


def test_every_edge_node_has_every_device_and_every_device_every_tag() -> None:
    asked = edge(edge=["E1", "E2"], device=["D1", "D2"], tag=["Folder/Speed:Double=-1.5", "On:Boolean=true"])
    tags = founding.judge(asked)["tags"]
    assert len(tags) == 8
    assert {tag["path"]: (tag["datatype"], tag["initial"]) for tag in tags}[
        "[default]Edge Nodes/Group 1/E2/D1/Folder/Speed"
    ] == ("Double", -1.5)


@pytest.mark.parametrize(
    ("text", "name", "datatype", "value"),
    [
        ("a:b:Int32=-1", "a:b", "Int32", -1),
        ("Text:String=x = y: z", "Text", "String", "x = y: z"),
        ("Empty:String=", "Empty", "String", ""),
        ("Null:Double", "Null", "Double", None),
        ("Number as text:String=12", "Number as text", "String", "12"),
        ("Moment:DateTime=1700000000000", "Moment", "DateTime", 1_700_000_000_000),
    ],
)
def test_a_tag_in_one_line(text: str, name: str, datatype: str, value: object) -> None:
    (tag,) = founding.judge(edge(tag=[text]))["tags"]
    assert tag["path"].endswith(f"/Device 1/{name}")
    assert (tag["datatype"], tag["initial"]) == (datatype, value)


def test_a_file_says_all_of_it_and_the_command_line_wins(tmp_path: Path) -> None:
    file = toml(
        tmp_path,
        """
        url = "mqtt://broker.example"
        mqtt_version = 5
        group = "Plant"
        edge = "Press"
        device = ["North", "South"]
        aliases = true
        tag = [
          "Count:UInt32=7",
          { name = "Pressure", type = "Float", value = 1.5, device = "South", unit = "bar", high = 10.0 },
        ]
        """,
    )
    asked = wishes(EdgeWishes, {"file": file, "group": "Works"})
    document = founding.judge(asked)
    assert document["server_sets"][0]["servers"][0]["mqtt_version"] == "5"
    assert document["transmission"]["transmitters"] == [
        {"group": "Works", "edge": "Press", "devices": ["North", "South"], "use_aliases": True}
    ]
    pressure = [tag for tag in document["tags"] if tag["path"].endswith("/Pressure")]
    assert [(tag["path"], tag["unit"], tag["high"]) for tag in pressure] == [
        ("[default]Edge Nodes/Works/Press/South/Pressure", "bar", 10.0)
    ]


@pytest.mark.parametrize(
    ("given", "field", "reason"),
    [
        ({"url": None}, "url", "is missing"),
        ({"url": "broker.example"}, "url", "broker.example"),
        ({"url": "http://broker.example"}, "url", "http"),
        ({"url": "mqtt://:1883"}, "url", "mqtt://"),
        ({"url": "mqtt://broker.example:99999"}, "url", "99999"),
        ({"url": "mqtt://me:secret@broker.example"}, "url", "password"),
        ({"url": "mqtt://broker.example/path"}, "url", "path"),
        ({"ca": __file__}, "ca", "mqtts"),
        ({"url": "mqtts://broker.example", "ca": "/nowhere.pem"}, "ca", "/nowhere.pem"),
        ({"url": "mqtts://broker.example", "certificate": __file__}, "certificate_file", "key"),
        ({"mqtt_version": "4"}, "mqtt_version", "3.1.1"),
        ({"keep_alive": 1}, "keep_alive", "2"),
        ({"http": "8090"}, "http", "host:port"),
        ({"http": "0.0.0.0:8090"}, "http", "browser"),
        ({"host_id": "a/b"}, "host_id", "/"),
        ({"host_id": ""}, "host_id", "empty"),
        ({"reorder_timeout": -1.0}, "reorder_timeout", "0"),
        ({"server": [URL]}, "name", "twice"),
    ],
)
def test_a_wrong_host_is_refused_with_the_field_and_the_reason(
    given: dict[str, Any], field: str, reason: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        founding.judge(host(**given))
    assert refused.value.field == field
    assert reason in refused.value.reason
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "field", "reason"),
    [
        ({"edge": ["A+B"]}, "edge", "+"),
        ({"edge": []}, "edge", "1 item"),
        ({"edge": ["A", "A"]}, "edge", "twice"),
        ({"group": "STATE"}, "group", "STATE"),
        ({"device": ["a/b"]}, "devices", "/"),
        ({"tag": ["nonsense"]}, "tag", "NAME:TYPE=VALUE"),
        ({"tag": ["x:Int33=1"]}, "tag", "Int33"),
        ({"tag": ["x:Int8=1000"]}, "initial", "1000"),
        ({"tag": ["x:Int32=ten"]}, "tag", "ten"),
        ({"tag": ["x:Int32=1", "x:Int32=2"]}, "path", "twice"),
        ({"tag": ["x:Int32=1", "x/y:Int32=2"]}, "path", "folder"),
        ({"tag": [{"name": "x", "type": "Int32", "device": "Nowhere"}]}, "tag.0.device", "Nowhere"),
        ({"tag": [{"name": "x", "type": "Int32", "colour": "red"}]}, "tag.0.colour", "not a setting"),
    ],
)
def test_a_wrong_edge_is_refused_with_the_field_and_the_reason(
    given: dict[str, Any], field: str, reason: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        founding.judge(edge(**given))
    assert refused.value.field == field
    assert reason in refused.value.reason


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        ("url = ", "file", "not TOML"),
        ('url = "mqtt://x"\nhost_idd = "Primary"', "host_idd", "not a setting of a host"),
        ('url = "mqtt://x"\ngroup = "Group 1"', "group", "not a setting of a host"),
        ('url = "mqtt://x"\nhost_id = 3', "host_id", "string"),
        ('url = "mqtt://x"\nreorder_timeout = "soon"', "reorder_timeout", "number"),
        ('url = "mqtt://x"\npassword = "a"\npassword_file = "b"', "password_file", "one of them"),
        ('url = "mqtt://x"\npassword_file = "/nowhere/at/all"', "password_file", "nowhere"),
    ],
)
def test_a_wrong_file_is_refused_with_the_field_and_the_reason(
    tmp_path: Path, text: str, field: str, reason: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        wishes(HostWishes, {"file": toml(tmp_path, text)})
    assert refused.value.field == field
    assert reason in refused.value.reason


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"file: .*none\.toml can't be read"):
        host(file=str(tmp_path / "none.toml"))


def test_the_password_comes_from_a_file_or_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD, "from the environment")
    (tmp_path / "secret").write_text("from the file\n")
    assert servers(host())[0]["password"] == "from the environment"
    found = host(password_file=str(tmp_path / "secret"))
    assert servers(found)[0]["password"] == "from the file"
    assert "from the file" not in repr(found)


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(ConfigError, match="something else"):
        founding.found(tmp_path, host(), print)
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_a_strangers_name_cannot_steer_the_terminal() -> None:
    shown = line(0, "edge node \x1b[2J\r\n\x07: born")
    assert shown.isprintable()
    assert shown.endswith(": born")
