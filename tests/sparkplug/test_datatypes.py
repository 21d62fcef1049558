from __future__ import annotations

import math

import pytest

from sparkplug import DataType, coerce
from sparkplug.coercion import from_wire
from sparkplug.datatypes import SCALARS

D = DataType


@pytest.mark.parametrize(
    ("datatype", "raw", "value"),
    [
        (D.Int8, 0xFB, -5),
        (D.Int8, 0xFFFFFFFB, -5),
        (D.Int16, 0xFFFB, -5),
        (D.Int16, 0xFFFFFFFB, -5),
        (D.Int32, 0xFFFFFFFB, -5),
        (D.Int32, 0xFFFFFFFFFFFFFFFB, -5),
        (D.Int64, 2**64 - 5, -5),
        (D.Int8, 127, 127),
        (D.Int8, 128, -128),
        (D.UInt8, 0x1FF, 0xFF),
        (D.UInt16, 0x12345, 0x2345),
        (D.UInt32, 2**32 + 7, 7),
        (D.UInt64, 2**64 - 1, 2**64 - 1),
        (D.DateTime, 1_256_102_875_335, 1_256_102_875_335),
    ],
)
def test_both_dialects_of_integers_are_read_and_what_is_out_of_range_is_masked(datatype, raw, value):
    assert from_wire(datatype, raw) == value


@pytest.mark.parametrize(
    ("datatype", "raw"),
    [
        (D.Int32, 1.0),
        (D.Int32, True),
        (D.Boolean, 1),
        (D.Double, 1),
        (D.String, b"x"),
        (D.Bytes, "x"),
        (D.DataSet, 1),
    ],
)
def test_a_field_that_cannot_mean_the_datatype_is_an_error(datatype, raw):
    with pytest.raises(ValueError):
        from_wire(datatype, raw)


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        (D.Int8, -129),
        (D.Int8, 128),
        (D.Int16, 32768),
        (D.Int32, 2**31),
        (D.Int64, 2**63),
        (D.UInt8, -1),
        (D.UInt8, 256),
        (D.UInt32, 2**32),
        (D.UInt64, 2**64),
        (D.UInt64, -1),
        (D.DateTime, -1),
        (D.Float, 1e39),
        (D.Double, 10**400),
        (D.Int32, 1.5),
        (D.Int32, float("nan")),
        (D.Int32, float("inf")),
        (D.Int32, "5"),
        (D.Int32, True),
        (D.Double, "5"),
        (D.Double, False),
        (D.Boolean, 1),
        (D.Boolean, "true"),
        (D.String, 5),
        (D.String, "\ud800"),
        (D.Bytes, "text"),
        (D.Int8Array, [1.5]),
        (D.Int8Array, [None]),
        (D.Int8Array, [128]),
        (D.UInt8Array, b"\x01"),
        (D.StringArray, "text"),
        (D.StringArray, ["zero \0 character"]),
        (D.StringArray, [1]),
        (D.PropertySet, {}),
        (D.DataSet, {}),
        (D.Template, 1),
        (D.Unknown, 1),
    ],
)
def test_what_a_datatype_cannot_hold_is_refused_with_a_reason(datatype, value):
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        coerce(datatype, value)


@pytest.mark.parametrize("datatype", sorted(DataType))
def test_null_fits_every_datatype(datatype):
    assert coerce(datatype, None) is None


def test_a_whole_float_passes_as_an_integer_since_json_has_one_kind_of_number():
    value = coerce(D.Int32, 20.0)

    assert value == 20
    assert type(value) is int


def test_an_integer_passes_as_a_float():
    assert type(coerce(D.Double, 3)) is float


def test_a_float_comes_back_as_its_own_echo_will():
    assert coerce(D.Float, 0.1) == 0.10000000149011612


def test_not_a_number_and_infinity_are_values_of_a_float():
    value = coerce(D.Float, float("nan"))

    assert isinstance(value, float)
    assert math.isnan(value)
    assert coerce(D.Double, float("-inf")) == float("-inf")


def test_every_scalar_is_covered():
    assert {kind for kind in DataType if 1 <= kind <= 15} | {D.Bytes, D.File} == SCALARS
