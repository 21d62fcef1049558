"""Values and ages as text: the server and the script spell them alike."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hmi.dashboards import tutorial
from hmi.pages.headers import policy
from hmi.pages.plant import picture
from hmi.pages.templatetags.ages import age_text
from hmi.pages.values import text_of

STATIC = Path(__file__).resolve().parents[3] / "static"


SPELLED: list[tuple[Any, str]] = [
    (None, "–"),
    (True, "true"),
    (False, "false"),
    (10, "10"),
    (10.0, "10"),
    (62.4, "62.4"),
    (-0.5, "-0.5"),
    (1e-5, "0.00001"),
    (1.5e-6, "0.0000015"),
    (1e-7, "1e-7"),
    (1.25e-10, "1.25e-10"),
    (1e20, "100000000000000000000"),
    (1e21, "1e+21"),
    (2**53, "9007199254740992"),
    ("18446744073709551615", "18446744073709551615"),
    ("NaN", "NaN"),
    ("", ""),
    ("<b>", "<b>"),
    ([], "[]"),
    ([1, 2.0, None, "a"], "[1, 2, –, a]"),
    ([*range(18)], "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, … 2 more]"),
    ({"columns": ["a", "b"], "types": ["Int8"] * 2, "rows": [[1, 2]]}, "1 row of [a, b]"),
    ({"columns": [], "types": [], "rows": []}, "0 rows of []"),
    ("é" * 500, "é" * 500),
    ("😀" * 503, "😀" * 500 + "… (3 more characters)"),
]


@pytest.mark.parametrize(("value", "text"), SPELLED)
def test_a_value_is_spelled_as_javascript_does(value: Any, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        *((-5, "0.0 s"), (199, "0.1 s"), (9_999, "9.9 s"), (42_000, "42 s")),
        *((61_000, "1 min"), (7_200_000, "2 h"), (200_000_000, "2 d")),
    ],
)
def test_an_age_is_told_in_the_largest_unit_that_fits(milliseconds: int, text: str) -> None:
    assert age_text(milliseconds) == text


def test_the_scripts_are_small_and_need_no_build() -> None:
    for path in STATIC.glob("*.js"):
        source = path.read_text()
        assert len(source.splitlines()) < 400, path.name
        assert "innerHTML" not in source, path.name
        assert "eval(" not in source, path.name
        imported = re.findall(r'from "(.+?)"', source)
        assert all((STATIC / name.removeprefix("./")).exists() for name in imported), path.name


@pytest.mark.skipif(shutil.which("node") is None, reason="no JavaScript engine outside the browser")
def test_the_script_spells_every_value_as_the_server_does() -> None:
    # A whole float is not whole in JSON's text; the feed sends it the same way.
    told = json.dumps([value for value, _ in SPELLED])
    spell = f"""
        import {{textOf}} from {json.dumps(str(STATIC / "spelling.js"))};
        console.log(JSON.stringify({told}.map(textOf)));
    """
    command = ["node", "--experimental-default-type=module", "--input-type=module", "-e", spell]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert json.loads(said) == [text for _, text in SPELLED]


@pytest.mark.skipif(shutil.which("node") is None, reason="no JavaScript engine outside the browser")
def test_the_scripts_can_be_parsed() -> None:
    for path in STATIC.glob("*.js"):
        subprocess.run(["node", "--check", str(path)], check=True)


def test_a_secure_pair_is_reached_securely() -> None:
    assert "connect-src https://a wss://a https://b:1 wss://b:1;" in policy(["https://a", "https://b:1"])


def test_the_tutorial_s_edge_dashboard_has_step_8_s_labels_and_tags() -> None:
    edge = tutorial.edge("Edge 1")
    assert (edge["slug"], edge["title"]) == ("edge-1", "Ignition Edge 1")
    assert [(each["label"], each["path"]) for each in edge["widgets"]] == [
        ("Redundancy State", "[MQTT Transmission]Transmission Info/Redundancy State"),
        ("Redundancy Role", "[MQTT Transmission]Transmission Info/Redundancy Role"),
        ("Tag 1", "[default]Edge Nodes/Group 1/Edge 1/Device 1/Tag 1"),
        (
            "MQTT Transmission Connected",
            "[MQTT Transmission]Transmission Info/MQTT Clients/Group 1-Edge 1/Online",
        ),
    ]


def test_an_edge_gateway_s_picture_shows_the_server_it_is_on() -> None:
    nodes = [
        {
            "node": "edge1-master",
            "role": "Master",
            "state": "Active",
            "connected": True,
            "url": "u",
            "self": True,
        },
        {
            "node": "edge1-backup",
            "role": "Backup",
            "state": "Disconnected",
            "connected": False,
            "url": "v",
            "self": False,
        },
    ]
    told = {
        "gateway": "Edge 1",
        "epoch": 3,
        "nodes": nodes,
        "servers": [{"name": "Primary", "online": False}, {"name": "Primary Backup", "online": True}],
        "edges": [
            {
                "group": "Group 1",
                "edge": "Edge 1",
                "online": True,
                "server": "Primary Backup",
                "redundancy": {},
            }
        ],
    }
    drawn = picture(told, {"Primary": "address", "Primary Backup": "address"})
    assert not drawn.hosts
    assert [(each.name, each.online) for each in drawn.servers] == [
        ("Primary", None),
        ("Primary Backup", True),
    ]
    assert drawn.own_edges[0].wire == "Primary Backup"
    assert [(each.state, each.look) for each in drawn.nodes] == [("Active", "active"), ("Down", "down")]


def test_a_picture_of_nothing_can_be_drawn() -> None:
    assert picture({}, {}).nodes == ()
