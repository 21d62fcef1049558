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


def test_the_element_at_fault_is_named():
    with pytest.raises(ValueError, match=r"element 1: 300 is out of range for UInt8"):
        from_wire(DataType.UInt8Array, [1, 300])
    with pytest.raises(ValueError, match=r"element 0: Int16 cannot hold text"):
        from_wire(DataType.Int16Array, ["x"])


@pytest.mark.parametrize(
    "table",
    [
        DataSet((), (), ()),
        DataSet(("a", "b"), (DataType.UInt64, DataType.Double), ((2**64 - 1, -0.5), (None, None))),
        DataSet(("a", "a"), (DataType.Boolean, DataType.DateTime), ((True, 1),)),
    ],
)
def test_a_table_comes_back_out_of_json(table):
    assert from_wire(DataType.DataSet, to_wire(table)) == table


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rows": None}, "rows: not a list"),
        ({"rows": [[1]]}, "row 0: not a list of 2 cells"),
        ({"rows": [[1, "x"], {"a": 1}]}, "row 1: not a list of 2 cells"),
        ({"rows": [[1, 5]]}, "row 0, column 'b': String cannot hold a whole number"),
        ({"rows": [[300, "x"]]}, "row 0, column 'a': 300 is out of range for Int8"),
        ({"rows": [[[1], "x"]]}, "row 0, column 'a': Int8 cannot hold a list"),
        ({"types": ["Int8"]}, "types: 1 for 2 columns"),
        ({"types": ["Int8", "Nonsense"]}, "types: column 1 cannot be 'Nonsense'"),
        ({"types": ["Int8", "DataSet"]}, "types: column 1 cannot be 'DataSet'"),
        ({"types": ["Int8", None]}, "types: column 1 cannot be 'None'"),
        ({"columns": ["a", 5]}, "columns: a name is not a text"),
        ({"more": 1}, "nothing else"),
    ],
)
def test_a_table_that_is_none_is_refused_with_the_place(change, reason):
    whole = {"columns": ["a", "b"], "types": ["Int8", "String"], "rows": [[1, "x"]]}
    with pytest.raises(ValueError, match=reason):
        from_wire(DataType.DataSet, whole | change)


def test_bytes_are_base64_and_nothing_else():
    assert from_wire(DataType.Bytes, "AP8=") == b"\x00\xff"
    for wrong in ("AP8", "AP 8=", "%", "ä", 5, ["AP8="]):
        with pytest.raises(ValueError, match=r"Base64|Bytes"):
            from_wire(DataType.Bytes, wrong)
