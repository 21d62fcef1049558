"""By what the faults of the peers (faults.py) are recognised: foretold to the bit, or by an error's words."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any

from sparkplug import DataSet, DataType, Metric, Payload, Template
from sparkplug.arrays import ELEMENTS
from sparkplug.datatypes import SIGNED_BITS
from sparkplug.metric import BAD
from sparkplug.sparkplug_b_pb2 import Metric as WireMetric
from tests.interchange.differences import Difference

D = DataType
Explains = Callable[[Difference, bool], bool]
"""Of a difference, and whether the payload came with its birth, having neither names nor datatypes."""
Refuses = Callable[[Metric | Payload, str, bool], bool]
"""Of a metric (or the payload, where it is refused even without metrics), what was said, and the same."""
LAST_DAY = 253_402_300_799_999
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_SMALL = (D.Int8, D.Int16)
_TIMES = (D.DateTime, D.DateTimeArray)
# Cells and parameters that sparkplug-payload looks for in the field where the specification puts them.
_NPM_CELLS = (D.Int64, D.Float, D.Double, D.Boolean, D.String)


def inside(metric: Metric | Payload) -> Iterator[Metric]:
    """The metric and the members of its templates, at any depth."""
    if isinstance(metric, Metric):
        yield metric
        if isinstance(metric.value, Template):
            for member in metric.value.metrics:
                yield from inside(member)


def refuses(words: str, holds: Callable[[Metric], bool]) -> Refuses:
    """Raises this where a metric, or a member of its template, is like that."""
    return lambda what, said, born: said.startswith(words) and any(holds(one) for one in inside(what))


def lost(*places: str) -> Explains:
    return lambda difference, born: difference.place in places and difference.found in (None, {})


def late(metric: Metric) -> bool:
    value = metric.value
    if metric.datatype not in _TIMES or value is None:
        return False
    return max(value if isinstance(value, tuple) else (value,), default=0) > LAST_DAY  # type: ignore[type-var, operator]


def null(*datatypes: DataType) -> Callable[[Metric], bool]:
    return lambda metric: metric.datatype in datatypes and metric.value is None


def full(*datatypes: DataType) -> Callable[[Metric], bool]:
    return lambda metric: metric.datatype in datatypes and metric.value is not None


def null_property(datatype: DataType) -> Callable[[Metric], bool]:
    def holds(properties: Any) -> bool:
        for kind, value in properties.values():
            if value is None:
                if kind is datatype:
                    return True
            elif (kind is D.PropertySet and holds(value)) or (
                kind is D.PropertySetList and any(holds(one) for one in value)
            ):
                return True
        return False

    return lambda metric: holds(metric.properties or {})


def null_property_set(metric: Metric) -> bool:
    return any(null_property(datatype)(metric) for datatype in (D.PropertySet, D.PropertySetList))


null_property_list = null_property(D.PropertySetList)


def overflows(what: Metric | Payload, said: str, born: bool) -> bool:
    """A small negative integer with the sign in all 32 bits."""
    if not isinstance(what, Metric) or what.datatype not in _SMALL or what.value is None:
        return False
    assert isinstance(what.value, int)
    full = what.value & 0xFFFF_FFFF
    return what.value < 0 and said == f"OverflowError: {what.datatype.name} overflow with value {full}"


def unsigned(difference: Difference, born: bool) -> bool:
    place, datatype, sent, found, _ = difference
    if place not in ("value", "cell") or datatype not in SIGNED_BITS or sent is None or sent >= 0:
        return False
    return bool(found == sent + (1 << (64 if datatype is D.Int64 else 32)))


def zero_for_none(difference: Difference, born: bool) -> bool:
    place, datatype, sent, found, _ = difference
    zero = "" if datatype is D.String else False if datatype is D.Boolean else 0
    return place == "cell" and sent is None and found == zero


def bits_reversed(difference: Difference, born: bool) -> bool:
    """Each group of eight in the other direction, the last one filled up with zeros."""
    if difference.datatype is not D.BooleanArray or not difference.sent:
        return False
    sent = (*difference.sent, *(False,) * 7)
    count = len(difference.sent)
    return bool(difference.found == tuple(sent[(n & ~7) + 7 - n % 8] for n in range(count)))


def hexed(difference: Difference, born: bool) -> bool:
    if difference.datatype is not D.StringArray or difference.sent is None:
        return False
    return bool(difference.found == tuple(text.encode().hex() for text in difference.sent))


def millisecond_early(difference: Difference, born: bool) -> bool:
    """The time as a fraction of seconds, and what the way back through it leaves of the milliseconds."""
    if difference.datatype not in _TIMES:
        return False

    def early(sent: Any, found: Any) -> bool:
        moment = _EPOCH + datetime.timedelta(milliseconds=sent)
        return bool(found == sent or (found == sent - 1 == int(moment.timestamp() * 1000)))

    if isinstance(difference.sent, int):
        return early(difference.sent, difference.found)
    return all(early(*pair) for pair in zip(difference.sent, difference.found, strict=True))


def one_text(difference: Difference, born: bool) -> bool:
    return difference.datatype is D.StringArray and difference.sent == () and difference.found == ("",)


def unhexed(difference: Difference, born: bool) -> bool:
    if difference.datatype is not D.StringArray or difference.sent is None:
        return False
    # What follows the last end is taken for one more text.
    return bool(difference.found == tuple(bytes.fromhex(text).decode() for text in (*difference.sent, "")))


def no_hex(metric: Metric) -> bool:
    return metric.datatype is D.StringArray and bool(metric.value) and any(metric.value)  # type: ignore[arg-type]


def signed_times(difference: Difference, born: bool) -> bool:
    if difference.datatype is not D.DateTimeArray or not difference.sent:
        return False
    return bool(difference.found == tuple(t - (1 << 64) if t >> 63 else t for t in difference.sent))


def beyond_63_bits(metric: Metric) -> bool:
    return metric.datatype is D.DateTimeArray and any(t >> 63 for t in metric.value or ())  # type: ignore


def other_cells(metric: Metric) -> bool:
    if not isinstance(metric.value, DataSet):
        return False
    columns = zip(metric.value.types, zip(*metric.value.rows, strict=True), strict=False)
    return any(kind not in _NPM_CELLS or None in cells for kind, cells in columns)


def other_parameters(metric: Metric) -> bool:
    if not isinstance(metric.value, Template):
        return False
    return any(kind not in _NPM_CELLS or value is None for _, kind, value in metric.value.parameters)


def array_lost(difference: Difference, born: bool) -> bool:
    """Neither datatype nor value arrives; where we read that, the value is bad."""
    place, _, _, found, metric = difference
    if metric is None or metric.datatype not in ELEMENTS:
        return False
    lost = {"datatype": D.Unknown, "value": None, "quality": BAD if metric.value is not None else -1}
    return place in lost and found == lost[place]


def default_for_none(difference: Difference, born: bool) -> bool:
    text = ("content_type", "file_name", "file_type", "md5", "description")
    defaults: dict[str, Any] = {f"metadata.{name}": "" for name in text}
    defaults |= {"metadata.is_multi_part": False, "metadata.size": 0, "metadata.seq": 0}
    defaults |= {"template.version": "", "template.reference": ""}
    place, _, sent, found, _ = difference
    return sent is None and place in defaults and found == defaults[place]


def no_birth(difference: Difference, born: bool) -> bool:
    lost = {"name": None, "datatype": D.Unknown, "value": None}
    return born and difference.place in lost and difference.found == lost[difference.place]


def after_birth(words: str) -> Refuses:
    return lambda what, said, born: born and isinstance(what, Metric) and said.startswith(words)


def cut(sent: Metric, wire: WireMetric) -> bool:
    """A small negative integer cut to its width."""
    if sent.datatype not in _SMALL or not isinstance(sent.value, int) or sent.value >= 0:
        return False
    return bool(wire.int_value == sent.value + (1 << SIGNED_BITS[sent.datatype]))


def timeless(words: str) -> Refuses:
    return lambda what, said, born: isinstance(what, Payload) and what.timestamp is None and said == words
