from __future__ import annotations

import pytest
from hypothesis import given

from sparkplug import BAD, DataType, Metric, Payload, coerce, decode, encode
from sparkplug.arrays import ELEMENTS, pack, unpack
from tests.sparkplug.values import ARRAYS

D = DataType

VECTORS = [
    (D.Int8Array, (-23, 123), "E9 7B"),
    (D.Int16Array, (-30000, 30000), "D0 8A 30 75"),
    (D.Int32Array, (-1, 315338746), "FF FF FF FF FA AF CB 12"),
    (
        D.Int64Array,
        (-4270929666821191986, -3601064768563266876),
        "CE 06 72 AC 18 9C BA C4 C4 BA 9C 18 AC 72 06 CE",
    ),
    (D.UInt8Array, (23, 250), "17 FA"),
    (D.UInt16Array, (30, 52360), "1E 00 88 CC"),
    (D.UInt32Array, (52, 3293969225), "34 00 00 00 49 FB 55 C4"),
    (D.UInt64Array, (52, 16444743074749521625), "34 00 00 00 00 00 00 00 D9 9E 02 D1 B2 76 37 E4"),
    (D.FloatArray, (1.23, 89.341), "A4 70 9D 3F 98 AE B2 42"),
    (D.DoubleArray, (12.354213, 1022.9123213), "D7 A2 05 68 5B B5 28 40 8E 17 1C 6F 4C F7 8F 40"),
    (
        D.BooleanArray,
        (False, False, True, True, False, True, False, False, True, True, False, True),
        "0C 00 00 00 34 D0",
    ),
    (D.StringArray, ("ABC", "hello"), "41 42 43 00 68 65 6C 6C 6F 00"),
    (D.DateTimeArray, (1256102875335, 1656107875000), "C7 D0 90 75 24 01 00 00 B8 BA B8 97 81 01 00 00"),
]


@pytest.mark.parametrize(("datatype", "elements", "data"), VECTORS, ids=[v[0].name for v in VECTORS])
def test_the_bytes_are_those_of_the_specification(datatype, elements, data):
    fitting = coerce(datatype, elements)
    assert pack(datatype, fitting) == bytes.fromhex(data)
    assert unpack(datatype, bytes.fromhex(data)) == fitting
    assert {type(element) for element in unpack(datatype, bytes.fromhex(data))} == {type(elements[0])}


def test_every_array_type_has_a_vector():
    assert {datatype for datatype, _, _ in VECTORS} == set(ELEMENTS) == set(sorted(DataType)[22:])


@given(ARRAYS)
def test_every_array_comes_back_as_it_was_sent(pair):
    datatype, elements = pair
    fitting = coerce(datatype, elements)
    metric = Metric("x", datatype, fitting, 1)
    assert decode(encode(Payload(1, (metric,)))).metrics == (metric,)
    assert unpack(datatype, pack(datatype, fitting)) == fitting


@pytest.mark.parametrize("datatype", sorted(ELEMENTS), ids=lambda d: d.name)
def test_an_empty_array_is_empty_again(datatype):
    assert pack(datatype, ()) == (b"\0\0\0\0" if datatype is D.BooleanArray else b"")
    assert unpack(datatype, pack(datatype, ())) == ()


@pytest.mark.parametrize(
    ("datatype", "data"),
    [
        (D.Int16Array, b"\x01"),
        (D.Int64Array, b"1234567"),
        (D.DoubleArray, b"123456789"),
        (D.BooleanArray, b""),
        (D.BooleanArray, b"\x01\0\0"),
        (D.BooleanArray, b"\x01\0\0\0"),
        (D.BooleanArray, b"\x01\0\0\0\x80\x80"),
        (D.BooleanArray, b"\xff\xff\xff\xff\x80"),
        (D.StringArray, b"no end"),
        (D.StringArray, b"\xff\0"),
    ],
)
def test_bytes_that_cannot_be_the_array_spoil_only_their_metric(datatype, data):
    with pytest.raises(ValueError, match=r"."):
        unpack(datatype, data)
    sent = (Metric("bytes", D.Bytes, data, 1), Metric("good", D.Int32, 7, 1))
    wire = bytearray(encode(Payload(1, sent)))
    at = wire.index(b"\x20\x11")
    wire[at + 1] = datatype
    bad, good = decode(bytes(wire)).metrics
    assert (bad.value, bad.quality) == (None, BAD)
    assert good == sent[1]


def test_the_pad_bits_of_a_boolean_array_mean_nothing():
    assert unpack(D.BooleanArray, b"\x01\0\0\0\xff") == (True,)
