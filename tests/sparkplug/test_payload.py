from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkplug import BAD, DataType, LocalProtocolError, Metric, Payload, PayloadError, coerce, decode, encode
from sparkplug.datatypes import SIGNED_BITS, TEXTS, UNSIGNED_BITS
from sparkplug.decoding import Budget, read_metric
from sparkplug.payload import LAST_TIMESTAMP, MAX_METRICS, Parsed
from sparkplug.sparkplug_b_pb2 import Payload as WirePayload

D = DataType
TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


def _values():
    pairs = [
        st.tuples(st.just(t), st.integers(-(1 << b - 1), (1 << b - 1) - 1)) for t, b in SIGNED_BITS.items()
    ]
    pairs += [st.tuples(st.just(t), st.integers(0, (1 << b) - 1)) for t, b in UNSIGNED_BITS.items()]
    pairs += [st.tuples(st.just(t), TEXT) for t in TEXTS]
    pairs += [
        st.tuples(st.just(D.Float), st.floats(width=32, allow_nan=False)),
        st.tuples(st.just(D.Double), st.floats(allow_nan=False)),
        st.tuples(st.just(D.Boolean), st.booleans()),
        st.tuples(st.sampled_from([D.Bytes, D.File]), st.binary(max_size=30)),
        st.tuples(st.sampled_from(sorted(DataType)), st.none()),
    ]
    return st.one_of(pairs)


STAMPS = st.none() | st.just(0) | st.integers(0, 2**64 - 1)
METRICS = st.builds(
    lambda name, pair, stamp, alias, historical, transient, quality: Metric(
        name, *pair, stamp, alias, historical, transient, quality
    ),
    TEXT.filter(bool),
    _values(),
    STAMPS,
    STAMPS,
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, 0, 500]),
)
PAYLOADS = st.builds(
    Payload,
    STAMPS,
    st.lists(METRICS, max_size=5).map(tuple),
    st.none() | st.integers(0, 255),
    st.none() | TEXT,
    st.none() | st.binary(max_size=20),
)


@given(PAYLOADS)
def test_every_scalar_comes_back_as_it_was_sent(payload):
    assert decode(encode(payload)) == payload


@given(st.lists(METRICS, max_size=5, unique_by=lambda m: m.name), st.booleans())
def test_without_datatypes_the_birth_gives_every_value_its_meaning_back(metrics, by_alias):
    known = {m.name: (m.name, m.datatype, int(m.datatype)) for m in metrics}
    known |= {number: known[m.name] for number, m in enumerate(metrics)}
    sent = [
        m._replace(alias=n if by_alias else None, name=None if by_alias else m.name, timestamp=1)
        for n, m in enumerate(metrics)
        if m.datatype is not D.Unknown
    ]
    known_sent = [n for n, m in enumerate(metrics) if m.datatype is not D.Unknown]
    sent = [m._replace(alias=n if by_alias else None) for n, m in zip(known_sent, sent, strict=True)]

    found, strangers = Parsed(encode(Payload(1, tuple(sent)), datatypes=False)).resolved(known, 9)

    assert strangers == []
    assert [m._replace(name=None, alias=None) for m in found] == [
        m._replace(name=None, alias=None) for m in sent
    ]
    assert [m.name for m in found] == [metrics[n].name for n in known_sent]


def test_not_a_number_survives():
    [metric] = decode(encode(Payload(1, (Metric("x", D.Float, math.nan),)))).metrics

    assert isinstance(metric.value, float)
    assert math.isnan(metric.value)


@pytest.mark.parametrize(
    ("datatype", "field", "raw", "value"),
    [
        (1, "int_value", 0xFB, -5),
        (1, "int_value", 0xFFFFFFFB, -5),
        (2, "int_value", 0xFFFFFFFB, -5),
        (3, "int_value", 0xFFFFFFFB, -5),
        (3, "long_value", 2**64 - 5, -5),
        (4, "int_value", 7, 7),
        (5, "int_value", 300, 44),
        (7, "int_value", 2**32 - 1, 2**32 - 1),
        (7, "long_value", 2**32 - 1, 2**32 - 1),
        (8, "long_value", 2**64 - 1, 2**64 - 1),
        (9, "double_value", 2.5, 2.5),
        (10, "float_value", 2.5, 2.5),
        (11, "boolean_value", False, False),
        (12, "string_value", "", ""),
        (17, "bytes_value", b"", b""),
    ],
)
def test_foreign_dialects_are_understood(datatype, field, raw, value):
    wire = WirePayload()
    wire.metrics.add(name="x", datatype=datatype, **{field: raw})

    [metric] = decode(wire.SerializeToString()).metrics

    assert metric.value == value
    assert type(metric.value) is type(value)
    assert metric.quality is None


def test_an_int32_of_more_than_32_bits_keeps_its_lowest():
    data = b"\x12\x12\x0a\x01x\x18\x80\xd0\x95\xff\xbc1\x20\x03\x50\x80\x80\x80\xe9\x5c"

    assert decode(data).metrics[0].value == WirePayload.FromString(data).metrics[0].int_value - (1 << 32)


@given(PAYLOADS, st.booleans())
def test_both_roads_read_every_metric_alike(payload, datatypes):
    data = encode(payload, datatypes=datatypes)
    wires = WirePayload.FromString(data).metrics

    assert list(decode(data).metrics) == [read_metric(wire, None, 0, [], Budget(0)) for wire in wires]


def _unreadable() -> WirePayload:
    wire = WirePayload(seq=3)
    wire.metrics.add(name="good", datatype=3, int_value=1)
    wire.metrics.add(name="text for a number", datatype=3, string_value="1")
    wire.metrics.add(name="number for a boolean", datatype=11, int_value=1)
    wire.metrics.add(name="nothing at all", datatype=10)
    wire.metrics.add(name="no such datatype", datatype=99, int_value=1)
    wire.metrics.add(name="half an array", datatype=23, bytes_value=b"\xe9")
    wire.metrics.add(name="properties as a value", datatype=20, int_value=1)
    wire.metrics.add(name="data set", datatype=16).dataset_value.columns.append("a")
    template = wire.metrics.add(name="template", datatype=19).template_value
    template.parameters.add(name="a parameter cannot be a template", type=19)
    wire.metrics.add(name="also good", datatype=10, double_value=0.0)
    return wire


def test_a_metric_that_cannot_be_read_spoils_only_itself():
    payload = decode(_unreadable().SerializeToString())

    assert payload.seq == 3
    assert [m.name for m in payload.metrics if m.quality is None] == ["good", "also good"]
    assert all(m.value is None and m.quality == BAD for m in payload.metrics[1:-1])


def test_text_that_is_not_utf8_spoils_only_its_metric():
    good = encode(Payload(None, (Metric("good", D.Int32, 1),)))
    bad_value = b"\x12\x0a\x0a\x01b\x20\x0c\x7a\x03\xff\xfe\xfd"
    bad_name = b"\x12\x07\x0a\x01\xff\x20\x03\x50\x05"

    first, second, third = decode(bad_value + bad_name + good).metrics

    assert (first.name, first.value, first.quality) == ("b", None, BAD)
    assert (second.name, second.value) == (None, 5)
    assert (third.name, third.value) == ("good", 1)


def test_null_wins_over_a_value_beside_it():
    wire = WirePayload()
    wire.metrics.add(name="x", datatype=10, double_value=4.0, is_null=True)

    [metric] = decode(wire.SerializeToString()).metrics

    assert (metric.value, metric.quality) == (None, None)


def test_alias_zero_is_an_alias_and_no_alias_is_none():
    encoded = encode(Payload(1, (Metric(None, D.Int32, 5, alias=0), Metric("x", D.Int32, 6))))

    assert [m.alias for m in decode(encoded).metrics] == [0, None]


def test_a_metric_without_name_and_alias_never_becomes_alias_zero():
    known = {0: ("zero", D.Int32, 3)}

    metrics, strangers = Parsed(b"\x12\x04\x20\x03\x50\x05").resolved(known, 9)

    assert metrics == []
    assert strangers == [0]


def test_quality_good_is_no_quality_and_other_properties_do_not_matter():
    wire = WirePayload()
    for value in (192, 0, 500):
        metric = wire.metrics.add(name="x", datatype=3, int_value=1)
        metric.properties.keys.extend(["engUnit", "Quality"])
        metric.properties.values.add(type=12, string_value="bar")
        metric.properties.values.add(type=3, int_value=value)
    lonely = wire.metrics.add(name="x", datatype=3, int_value=1)
    lonely.properties.keys.append("Quality")

    assert [m.quality for m in decode(wire.SerializeToString()).metrics] == [None, 0, 500, None]


def test_data_leaves_the_datatype_out_and_the_value_is_then_as_it_travelled():
    encoded = encode(Payload(1, (Metric("x", D.Int8, -5),)), datatypes=False)

    [metric] = decode(encoded).metrics

    assert (metric.datatype, metric.value) == (D.Unknown, 0xFFFFFFFB)


def test_small_negative_integers_go_out_sign_extended():
    wire = WirePayload.FromString(encode(Payload(1, (Metric("x", D.Int8, -5),))))

    assert wire.metrics[0].int_value == 0xFFFFFFFB


def test_the_birth_rules_over_the_datatype_that_data_claims():
    metrics, _ = Parsed(encode(Payload(1, (Metric("x", D.String, "5"),)))).resolved(
        {"x": ("x", D.Int32, 3)}, 9
    )

    assert (metrics[0].datatype, metrics[0].value, metrics[0].quality) == (D.Int32, None, BAD)


@pytest.mark.parametrize("absurd", [LAST_TIMESTAMP + 1, 2**64 - 1, 0, None])
def test_data_without_a_sane_timestamp_gets_that_of_its_message(absurd):
    data = encode(Payload(1, (Metric("x", D.Int32, 5, absurd),)))

    metrics, _ = Parsed(data).resolved({"x": ("x", D.Int32, 3)}, 9)

    assert metrics[0].timestamp == 9


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"not a payload",
        b"\x12\xff\xff\xff\xff\x0f",
        b"\x08",
        b"\x0b",
        b'{"online":true,"timestamp":1}',
    ],
)
def test_bytes_that_are_no_payload_are_the_senders_fault(data):
    with pytest.raises(PayloadError):
        decode(data)


def test_templates_within_templates_do_not_exhaust_the_stack():
    nested = b""
    for _ in range(10_000):
        length = len(nested)
        varint = b""
        while True:
            length, low = length >> 7, length & 0x7F
            varint += struct.pack("B", low | (0x80 if length else 0))
            if not length:
                break
        nested = (b"\x92\x01" if len(nested) % 2 else b"\x12") + varint + nested

    try:
        decode(nested)
    except PayloadError:
        return


def test_a_payload_of_nothing_but_empty_metrics_is_refused():
    with pytest.raises(PayloadError, match="metrics"):
        decode(b"\x12\x00" * (MAX_METRICS + 1))


def test_an_empty_payload_is_a_payload():
    assert decode(b"") == Payload(None, ())


@pytest.mark.parametrize(
    "metric", [Metric("x", D.Int8, 200), Metric("x", D.String, 5), Metric(None, D.Int8, 1)]
)
def test_what_cannot_be_encoded_is_our_own_fault_and_names_the_metric(metric):
    with pytest.raises(LocalProtocolError, match=r"x|None"):
        encode(Payload(1, (metric,)))


@given(_values())
def test_what_coerce_lets_through_can_be_sent(pair):
    datatype, value = pair

    assert (
        decode(encode(Payload(1, (Metric("x", datatype, coerce(datatype, value)),)))).metrics[0].quality
        is None
    )
