from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkplug import (
    EdgeNodeId,
    LocalProtocolError,
    MessageType,
    RemoteProtocolError,
    Topic,
    state_host,
    state_topic,
)

IDS = st.text(st.characters(codec="utf-8", exclude_characters="+/#\0"), min_size=1, max_size=20)


@given(kind=st.sampled_from(MessageType), group=IDS.filter(lambda g: g != "STATE"), edge=IDS, device=IDS)
def test_a_topic_reads_back_as_what_was_written(kind, group, edge, device):
    topic = Topic(kind, EdgeNodeId(group, edge), device if kind.of_device else None)

    assert Topic.parse(str(topic)) == topic


def test_an_edge_node_is_named_by_its_descriptor():
    assert str(EdgeNodeId.checked("Group 1", "Edge 1")) == "Group 1/Edge 1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "spBv1.0",
        "spBv1.0/G/NDATA",
        "spAv1.0/G/NDATA/E",
        "spbv1.0/G/NDATA/E",
        "spBv1.0/G/ndata/E",
        "spBv1.0/G/NODATA/E",
        "spBv1.0/G/NDATA/E/D",
        "spBv1.0/G/DDATA/E",
        "spBv1.0/G/DDATA/E/D/more",
        "spBv1.0//NDATA/E",
        "spBv1.0/G/NDATA/",
        "spBv1.0/G/DDATA/E/",
        "spBv1.0/+/NDATA/E",
        "spBv1.0/G/NDATA/#",
        "spBv1.0/STATE/Primary",
        "spBv1.0/STATE/NDATA/E",
        "spBv1.0/G/NDATA/\ud800",
        "$sparkplug/certificates/spBv1.0/G/NBIRTH/E",
    ],
)
def test_anything_else_is_refused_and_is_the_senders_fault(text):
    with pytest.raises(RemoteProtocolError):
        Topic.parse(text)


@pytest.mark.parametrize(
    ("group", "edge"),
    [("", "E"), ("G", ""), ("G/1", "E"), ("G", "E+"), ("G", "#"), ("G\0", "E"), ("STATE", "E")],
)
def test_ids_that_no_topic_can_hold_are_refused_and_so_is_a_group_called_state(group, edge):
    with pytest.raises(LocalProtocolError):
        EdgeNodeId.checked(group, edge)


def test_an_id_longer_than_mqtt_can_carry_is_refused():
    with pytest.raises(LocalProtocolError, match="longer"):
        EdgeNodeId.checked("G", "E" * 20_000)


def test_a_device_level_belongs_to_device_messages_only():
    with pytest.raises(LocalProtocolError):
        Topic(MessageType.NDATA, EdgeNodeId("G", "E"), "D")
    with pytest.raises(LocalProtocolError):
        Topic(MessageType.DDATA, EdgeNodeId("G", "E"))


def test_a_state_topic_names_its_host():
    assert state_topic("Primary") == "spBv1.0/STATE/Primary"
    assert state_host("spBv1.0/STATE/Primary") == "Primary"


@pytest.mark.parametrize(
    "text", ["STATE/Primary", "spBv1.0/STATE", "spBv1.0/STATE/", "spBv1.0/STATE/NDATA/E"]
)
def test_other_topics_are_no_state(text):
    assert state_host(text) is None
