"""Rows as the worker freezes them, and the broker's file."""

import json

import pytest

from hmi.tags.models import Tag
from hmi.worker.configuration import edge_tag, write_distributor
from sparkplug import DataType, EdgeNodeId

EDGE = EdgeNodeId("Group 1", "Edge 1")


@pytest.mark.parametrize(
    ("path", "edge", "device", "name"),
    [
        ("[default]Edge Nodes/Group 1/Edge 1/Device 1/Tag 1", EDGE, "Device 1", "Tag 1"),
        ("[default]Edge Nodes/Group 1/Edge 1/Device 1/Pumps/P1", EDGE, "Device 1", "Pumps/P1"),
        ("[default]Edge Nodes/Group 1/Edge 1/Lonely", None, "", "Edge Nodes/Group 1/Edge 1/Lonely"),
        ("[default]Elsewhere/Group 1/Edge 1/Device 1/Tag", None, "", "Elsewhere/Group 1/Edge 1/Device 1/Tag"),
    ],
)
def test_a_tags_path_says_which_edge_node_publishes_it(path, edge, device, name):
    tag = edge_tag(Tag(path=path, datatype="Int32", initial=7))
    assert (tag.path, tag.edge, tag.device, tag.name) == (path, edge, device, name)


def test_a_rows_settings_are_frozen_with_the_type_applied():
    row = Tag(path="[default]A", datatype="Double", initial=1, writable=True, stored=True, period_ms=250)
    tag = edge_tag(row)
    assert (tag.datatype, tag.initial, type(tag.initial)) == (DataType.Double, 1.0, float)
    assert (tag.writable, tag.stored, tag.period) == (True, True, 250)


def test_an_initial_value_of_another_type_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="Int8"):
        edge_tag(Tag(path="[default]A", datatype="Int8", initial=1000))


def test_the_brokers_file_is_private_and_written_only_when_it_says_something_new(tmp_path):
    file = tmp_path / "distributor.json"
    assert not write_distributor(tmp_path, None)
    assert write_distributor(tmp_path, {"listen": "127.0.0.1:25020", "users": []})
    assert file.stat().st_mode & 0o777 == 0o600
    assert not write_distributor(tmp_path, {"users": [], "listen": "127.0.0.1:25020"})
    assert write_distributor(tmp_path, {"listen": "127.0.0.1:25020", "users": [{"username": "observer"}]})
    assert json.loads(file.read_text(encoding="utf-8"))["users"]
    assert [path.name for path in tmp_path.iterdir()] == ["distributor.json"]
