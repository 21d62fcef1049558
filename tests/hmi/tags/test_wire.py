"""Structured values in JSON and back."""

import pytest

from hmi.tags.wire import from_wire, to_wire
from sparkplug import DataSet, DataType, Metric, Template


def test_arrays_and_tables_are_lists_and_objects_and_no_number_is_rounded():
    assert to_wire((2**60, 1)) == [str(2**60), 1]
    assert to_wire((1.5, float("inf"))) == [1.5, "Infinity"]
    table = DataSet(("a", "b"), (DataType.Int8, DataType.String), ((1, None),))
    assert to_wire(table) == {"columns": ["a", "b"], "types": ["Int8", "String"], "rows": [[1, None]]}
    speed = Metric("Speed", DataType.Double, 1.5)
    assert to_wire(Template((speed,), reference="Motor")) == {"Speed": 1.5}


def test_an_array_comes_back_out_of_json_as_its_type_wants_it():
    assert from_wire(DataType.UInt64Array, [str(2**64 - 1), 1]) == (2**64 - 1, 1)
    assert from_wire(DataType.DoubleArray, ["NaN", 2])[1] == 2.0
    assert from_wire(DataType.BooleanArray, []) == ()
    for wrong in (["x"], [1.5], [None], "1", {"a": 1}, [[1]]):
        with pytest.raises(ValueError, match=r"\w+ \w+"):
            from_wire(DataType.Int16Array, wrong)
