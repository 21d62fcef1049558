"""Whatever JSON comes in, a facet has a value of one spelling afterwards, or it is refused in words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmi.adapter.facets import verbs
from hmi.adapter.facets.answers import Refused
from hmi.adapter.facets.catalogue import COMPONENT_LIST, FACETS, SECRET_LIST, Kind, Verb

KINDS = (*FACETS, COMPONENT_LIST, SECRET_LIST)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
LIKELY = st.sampled_from(
    [
        "",
        "1",
        "0:00:30",
        "30",
        "true",
        "a",
        "$.a",
        "mqtt://a",
        "TCP",
        "TLS12",
        "MQTT",
        "Int16",
        "small",
        "{{a}}",
        "x/#",
    ]
)
VALUES = st.recursive(
    SCALARS | LIKELY,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@st.composite
def requests(draw: st.DrawFn) -> tuple[Kind, Verb, Any, str | None]:
    kind = draw(st.sampled_from(KINDS))
    names = st.sampled_from([*kind.properties.values(), *kind.properties]) | st.text(max_size=3)
    entry = st.dictionaries(names, VALUES, max_size=8) | VALUES
    body = draw(entry | st.lists(entry, max_size=3))
    item = draw(st.none() | st.sampled_from(["small", "1", "A"]))
    return kind, draw(st.sampled_from([Verb.POST, Verb.PUT, Verb.PATCH, Verb.DELETE])), body, item


@settings(max_examples=150)
@given(requests())
def test_a_facet_is_well_spelled_or_the_request_refused(asked: tuple[Kind, Verb, Any, str | None]) -> None:
    kind, verb, body, item = asked
    refused, after = None, None
    try:
        after = verbs.apply(kind, verb, kind.unset, body, item, {})
    except Refused as error:
        refused = error
    if refused is not None:
        assert refused.status in (400, 405, 409)
        assert all(refused.messages)
        return
    for entry in after if kind.is_list else [after] if after is not None else []:
        assert list(entry) == list(kind.properties.values())
        assert verbs.read(kind, entry, {}) == entry, "what is kept is read as it is"
        if kind.is_list:
            assert verbs.found(kind, after, entry[kind.key].upper()) == entry


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.title} of {kind.of[0]}")
def test_nothing_is_changed_in_place(kind: Kind) -> None:
    minimal = {
        "hostNameOrIpAddress": "a",
        "topic": "spBv1.0/G/NDATA/E",
        "metricName": "m",
        "valueField": "$",
        "dataType": "String",
        "absoluteDeadband": 1,
        "componentType": "MQTT",
        "value": "v",
    }
    fields = {name: value for name, value in minimal.items() if name in kind.properties.values()}
    if not kind.is_list:
        first = verbs.apply(kind, Verb.PUT, None, fields, None, {})
        kept = dict(first)
        verbs.apply(
            kind,
            Verb.PATCH,
            first,
            fields | {"tls": "None", "logLevel": "None", "mode": "all", "qosLevel": 1},
            None,
            {},
        )
        assert first == kept
        return
    first = verbs.apply(kind, Verb.PUT, [], [fields | {kind.key: "a"}], None, {})
    kept = [dict(each) for each in first]
    verbs.apply(kind, Verb.PUT, first, fields, "b", {})
    verbs.apply(kind, Verb.DELETE, first, None, "A", {})
    assert first == kept
