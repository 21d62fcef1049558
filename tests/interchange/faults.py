"""What is known to be wrong or missing in the peers, each in the exact version that peers.py pins.

A fault explains a difference only by foretelling it to the bit, a refusal only by its words. Whatever no
fault explains fails the run, and so does a fault that nothing has shown: then the list is out of date.

kind     cannot carry   the library has no place or no code for it, or raises
         wrong          another value arrives than was sent
         detour         a function of the library fails, and another of its ways was taken (lines.py)
         dialect        its bytes are not as we would write them; we read them all the same
way      reads          our bytes, by the library
         writes         the library's bytes, by us
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sparkplug import DataType, Metric
from sparkplug.sparkplug_b_pb2 import Metric as WireMetric
from tests.interchange import triggers as t
from tests.interchange.triggers import D, Explains, Refuses, null

READS, WRITES = "reads", "writes"


class Fault(NamedTuple):
    """dialect: of a metric that arrived as it was sent, and how it travelled."""

    name: str
    kind: str
    does: str
    why: str
    explains: Explains = lambda difference, born: False
    refuses: Refuses = lambda what, said, born: False
    dialect: Callable[[Metric, WireMetric], bool] = lambda sent, wire: False


_STRUCTURES = [
    Fault(
        f"no {datatype.name}",
        "cannot carry",
        f"raises at a {datatype.name} that is not null; read, the whole payload is lost",
        "The specification has it.",
        refuses=t.refuses(f"NotImplementedError: {datatype.name.upper()} not", t.full(datatype)),
    )
    for datatype in (DataType.DataSet, DataType.Template)
]


_LEFT_OUT = [
    Fault(
        "no properties",
        "cannot carry",
        "has no place for the properties of a metric, the quality among them",
        "A value whose quality gets lost is taken for good.",
        explains=t.lost("properties", "quality"),
    ),
    Fault(
        "no uuid, no body",
        "cannot carry",
        "has no place for the uuid and the body of a payload",
        "The specification has them.",
        explains=t.lost("payload.uuid", "payload.body"),
    ),
]


PYSPARKPLUG_READS = [
    *_STRUCTURES,
    *_LEFT_OUT,
    Fault(
        "sign in all 32 bits",
        "cannot carry",
        "raises at a negative Int8 or Int16 that has its sign in all 32 bits; the whole payload is lost",
        "Tahu's Java writes it so, and sparkplug-payload reads it only so. We read both.",
        refuses=t.overflows,
    ),
    Fault(
        "payload without timestamp",
        "cannot carry",
        "raises at a payload without a timestamp",
        "What is missing from the envelope is no reason to lose the values.",
        refuses=t.timeless("ValueError: Sparkplug payload missing required timestamp field"),
    ),
    Fault(
        "after the year 9999",
        "cannot carry",
        "raises at a DateTime, alone or in an array, that Python's calendar does not have",
        "Milliseconds are a number; one absurd clock must not cost the payload.",
        refuses=t.refuses("ValueError: year ", t.late),
    ),
]

PYSPARKPLUG_WRITES = [
    *_STRUCTURES,
    *_LEFT_OUT,
    Fault(
        "payload without timestamp",
        "cannot carry",
        "raises without a timestamp",
        "Ours is optional, as in the schema.",
        refuses=t.timeless("TypeError: 'NoneType' object cannot be interpreted as an integer"),
    ),
    Fault(
        "after the year 9999",
        "cannot carry",
        "takes a DateTime only as Python's datetime, which ends there",
        "Milliseconds are a number.",
        refuses=t.refuses("OverflowError: ", t.late),
    ),
    Fault(
        "a millisecond early",
        "wrong",
        "takes a time through a float and cuts it off: some times before 2001 and after 2106 lose 1 ms",
        "Milliseconds are a whole number all the way.",
        explains=t.millisecond_early,
    ),
    Fault(
        "one text in an empty StringArray",
        "wrong",
        "writes an empty StringArray as one empty text",
        "An array of nothing is no bytes: every text brings its own end.",
        explains=t.one_text,
    ),
    Fault(
        "cut to the width",
        "dialect",
        "writes a negative Int8 or Int16 in 8 or 16 bits",
        "sparkplug-payload would read it as positive. We read both.",
        dialect=t.cut,
    ),
]

TAHUTILS_READS = [
    Fault(
        "negative is unsigned",
        "wrong",
        "reads a negative integer, alone or in a table, as the unsigned number of its 32 or 64 bits",
        "It is another number.",
        explains=t.unsigned,
    ),
    Fault(
        "null cell is zero",
        "wrong",
        "reads a cell without a value as 0, false or an empty text",
        "Nothing is not zero.",
        explains=t.zero_for_none,
    ),
    Fault(
        "bits from the lowest",
        "wrong",
        "takes the first of eight Booleans of an array from the lowest bit",
        "The specification's example has it in the highest.",
        explains=t.bits_reversed,
    ),
    Fault(
        "texts as hexadecimal",
        "wrong",
        "reads the texts of a StringArray as hexadecimal digits, and one more behind the last: raises, "
        "or with nothing but empty texts finds one too many",
        "The specification prints its example in hexadecimal; the bytes are UTF-8.",
        explains=t.unhexed,
        refuses=t.refuses("ValueError: non-hexadecimal", t.no_hex),
    ),
    Fault(
        "signed times",
        "wrong",
        "reads the times of a DateTimeArray as signed",
        "DateTime is unsigned, in an array as well.",
        explains=t.signed_times,
    ),
    Fault(
        "no birth",
        "cannot carry",
        "raises at a metric without a datatype; has no function that takes a birth",
        "DATA should leave the datatypes out.",
        refuses=t.after_birth("NotImplementedError: ('Unhandled metric data type %d', 0)"),
    ),
    *(
        Fault(name, "detour", f"parse_metric_value raises at {what}", instead)
        for name, what, instead in (
            ("parse-no-text-or-bytes", "Text, UUID, Bytes and File", "Read from the message's field."),
            ("parse-no-text-cell", "a table with a Text column", "Read from the message's fields."),
            ("parse-no-template", "a Template", "Read from the message's fields."),
            ("parse-no-array", "every array", "Unpacked by its array_packer."),
        )
    ),
]

TAHUTILS_WRITES = [
    Fault(
        "time of the call",
        "wrong",
        "gives a metric without a timestamp the time of the call",
        "A value whose time nobody knows must not look new.",
        explains=lambda difference, born: (
            difference.place == "timestamp" and difference.sent is None and difference.found is not None
        ),
    ),
    Fault(
        "bits from the lowest",
        "wrong",
        "puts the first of eight Booleans of an array into the lowest bit",
        "The specification's example has it in the highest.",
        explains=t.bits_reversed,
    ),
    Fault(
        "texts as hexadecimal",
        "wrong",
        "writes the texts of a StringArray in hexadecimal digits",
        "The specification prints its example in hexadecimal; the bytes are UTF-8.",
        explains=t.hexed,
    ),
    Fault(
        "signed times",
        "cannot carry",
        "raises at a time of a DateTimeArray that needs its highest bit",
        "DateTime is unsigned, in an array as well.",
        refuses=t.refuses("error: argument out of range", t.beyond_63_bits),
    ),
    Fault(
        "no birth",
        "cannot carry",
        "raises at a metric without a datatype",
        "DATA should leave the datatypes out.",
        refuses=t.after_birth("AttributeError: type object 'MetricDataType' has no attribute"),
    ),
    Fault(
        "add-no-array",
        "detour",
        "addMetric raises at every array, since MetricDataType lacks them",
        "Packed by its array_packer.",
    ),
    Fault(
        "null-of-few-types",
        "detour",
        "addNullMetric raises at arrays and DataSet",
        "The datatype set on what it had made by then.",
    ),
    Fault(
        "cut to the width",
        "dialect",
        "writes a negative Int8 or Int16 in 8 or 16 bits",
        "sparkplug-payload would read it as positive. We read both.",
        dialect=t.cut,
    ),
]

NPM_READS = [
    Fault(
        "UInt32 only in 64 bits",
        "wrong",
        "looks for a UInt32 in long_value, and finds null",
        "The specification puts it into int_value. We read both.",
        explains=lambda difference, born: (
            difference.place in ("value", "property")
            and difference.datatype is D.UInt32
            and difference.found is None
        ),
    ),
    Fault(
        "no arrays",
        "cannot carry",
        "reads an array as null of no type",
        "The specification has them since 3.0.",
        explains=t.array_lost,
    ),
    Fault(
        "few cells",
        "cannot carry",
        "raises at a table with a cell that is null, UInt64, DateTime, Text or an integer of up to 32 bits",
        "A table is lost, and with it the payload.",
        refuses=t.refuses("Error: Invalid DataSetValue", t.other_cells),
    ),
    Fault(
        "few parameters",
        "cannot carry",
        "raises at a parameter that is null, UInt64, DateTime, Text or an integer of up to 32 bits",
        "A template is lost, and with it the payload.",
        refuses=t.refuses("Error: Invalid Parameter value", t.other_parameters),
    ),
    Fault(
        "negative cell is unsigned",
        "wrong",
        "reads a negative Int64 of a table as the unsigned number of its 64 bits",
        "It is another number.",
        explains=lambda difference, born: difference.place == "cell" and t.unsigned(difference, born),
    ),
    Fault(
        "null structure",
        "cannot carry",
        "raises at a DataSet or a Template that is null; the whole payload is lost",
        "Null is a value of every type.",
        refuses=t.refuses("TypeError: Cannot read properties of null", null(D.DataSet, D.Template)),
    ),
    Fault(
        "null property set",
        "cannot carry",
        "raises at a PropertySet or a PropertySetList that is null; the whole payload is lost",
        "Null is a value of every type.",
        refuses=t.refuses("TypeError: Cannot read properties of null", t.null_property_set),
    ),
    Fault(
        "default for nothing",
        "wrong",
        "reads what metadata or a template leaves out as empty, 0 or false",
        "What was not said is not empty; a template with a reference is no definition.",
        explains=t.default_for_none,
    ),
    Fault(
        "no birth",
        "cannot carry",
        "reads a metric without a datatype as null; has no function that takes a birth",
        "DATA should leave the datatypes out.",
        explains=t.no_birth,
    ),
]

NPM_WRITES = [
    Fault(
        "no arrays",
        "cannot carry",
        "writes an array without value and with datatype 0; we read it as bad",
        "The specification has them since 3.0.",
        explains=t.array_lost,
    ),
    Fault(
        "null structure",
        "cannot carry",
        "raises at a DataSet or a Template that is null",
        "Null is a value of every type.",
        refuses=t.refuses("TypeError: Cannot read properties of null", null(D.DataSet, D.Template)),
    ),
    Fault(
        "null property set",
        "cannot carry",
        "raises at a PropertySetList that is null",
        "Null is a value of every type.",
        refuses=t.refuses(
            "TypeError: Cannot read properties of null (reading 'length')", t.null_property_list
        ),
    ),
    Fault(
        "no birth",
        "cannot carry",
        "raises at a metric without a type",
        "DATA should leave the datatypes out.",
        refuses=t.after_birth("TypeError: Cannot read properties of undefined (reading 'toUpperCase')"),
    ),
    Fault(
        "UInt32 in 64 bits",
        "dialect",
        "writes a UInt32 into long_value",
        "The specification puts it into int_value. We read both.",
        dialect=lambda sent, wire: sent.datatype is D.UInt32 and wire.HasField("long_value"),
    ),
]

FAULTS: dict[tuple[str, str], list[Fault]] = {
    ("pysparkplug", READS): PYSPARKPLUG_READS,
    ("pysparkplug", WRITES): PYSPARKPLUG_WRITES,
    ("tahutils", READS): TAHUTILS_READS,
    ("tahutils", WRITES): TAHUTILS_WRITES,
    ("sparkplug-payload", READS): NPM_READS,
    ("sparkplug-payload", WRITES): NPM_WRITES,
}
