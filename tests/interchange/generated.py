"""The payloads that travel: made up from a seed, the same ones on every machine and for every peer.

A third holds scalars only, so that a library without structures has whole payloads to show. Values lean
towards the ends of their ranges, where faults are.
"""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from sparkplug import DataSet, DataType, MetaData, Metric, Parameter, Payload, Property, Template
from sparkplug.arrays import ELEMENTS
from sparkplug.datatypes import BASIC, BLOBS, FLOATS, SCALARS, SIGNED_BITS, TEXTS, UNSIGNED_BITS

D = DataType
_SCALARS, _BASIC, _ARRAYS = sorted(SCALARS), sorted(BASIC), sorted(ELEMENTS)
_TEXTS = [
    "",
    "Pump 1",
    "Füllstand/m³",
    "日本",
    "𝄞 clef",
    "line\nbreak",
    "zero\0inside",
    "\ufeffmark",
    "%s {}",
]
_FLOATS = [0.0, -0.0, 1.0, -1.5, math.inf, -math.inf, math.nan, 5e-324, 1.7976931348623157e308, 0.1]
# Of these a Float keeps what 32 bits can hold.
_SINGLES = [
    0.1,
    1 / 3,
    16777217.0,
    -1e-40,
    2.0**-150,
    0.0,
    -0.0,
    1.0,
    -1.5,
    math.inf,
    -math.inf,
    math.nan,
    2.0**-149,
    3.4028234663852886e38,
]
_LAST_DAY = 253_402_300_799_999  # ms, the end of the year 9999


class Case(NamedTuple):
    """message: the type in its topic. birth: of the NDATA that say neither name nor datatype, else None."""

    number: int
    message: str
    payload: Payload
    birth: Payload | None = None


def cases(count: int, seed: str = "tandem") -> list[Case]:
    return [_case(random.Random(f"{seed} {number}"), number) for number in range(count)]


def _case(rng: random.Random, number: int) -> Case:
    message = rng.choice(("NBIRTH", "NDATA", "NDATA", "NCMD"))
    makers: list[Callable[[random.Random], tuple[DataType, Any]]] = [_scalar_value] * 3
    everything = number % 3
    if everything:
        makers += [_array_value]
    if everything == 2:
        makers += [lambda rng: (D.DataSet, _data_set(rng)), lambda rng: (D.Template, _template(rng, 2))]
    metrics = tuple(
        _metric(rng, rng.choice(makers), n, plain=not everything, born=message == "NBIRTH")
        for n in range(rng.randrange(1, 9))
    )
    if message == "NDATA" and rng.random() < 0.2:
        return _data_after_birth(rng, number)
    return Case(number, message, _envelope(rng, metrics, message, rare=everything == 2))


def _envelope(rng: random.Random, metrics: tuple[Metric, ...], message: str, rare: bool) -> Payload:
    return Payload(
        None if rare and rng.random() < 0.1 else _stamp(rng),
        metrics,
        None if message == "NCMD" else rng.randrange(256),
        rng.choice(_TEXTS) if rare and rng.random() < 0.1 else None,
        rng.randbytes(rng.randrange(9)) if rare and rng.random() < 0.1 else None,
    )


def _data_after_birth(rng: random.Random, number: int) -> Case:
    """An NDATA by alias, and its NBIRTH, in which no metric has a value yet."""
    kinds = [_scalar_value(rng) if rng.random() < 0.7 else _array_value(rng) for _ in range(6)]
    metrics = [
        Metric(f"Line {n}/Value", datatype, value, _stamp(rng), alias=n)
        for n, (datatype, value) in enumerate(kinds)
    ]
    birth = Payload(_stamp(rng), tuple(metric._replace(value=None) for metric in metrics), 0)
    chosen = tuple(sorted(rng.sample(metrics, 3), key=lambda metric: metric.alias or 0))
    return Case(number, "NDATA", _envelope(rng, chosen, "NDATA", rare=False), birth)


def _metric(
    rng: random.Random, make: Callable[[random.Random], tuple[DataType, Any]], n: int, plain: bool, born: bool
) -> Metric:
    datatype, value = make(rng)
    named = born or rng.random() < 0.7
    metric = Metric(
        f"{rng.choice(('Level', 'Tank 7/Füllstand', 'a', '温度'))} {n}" if named else None,
        datatype,
        None if rng.random() < 0.1 else value,
        _stamp(rng) if plain or rng.random() < 0.8 else None,
        rng.choice((n, n + 200, 2**64 - 1 - n)) if not named or rng.random() < 0.4 else None,
        rng.random() < 0.15,
        rng.random() < 0.15,
    )
    return metric if plain else _with_extras(rng, metric)


def _with_extras(rng: random.Random, metric: Metric) -> Metric:
    if rng.random() < 0.15:
        metric = metric._replace(properties=_properties(rng, 2))
    if rng.random() < 0.15:
        metric = metric._replace(metadata=_metadata(rng))
    return metric._replace(quality=rng.choice((0, 500))) if rng.random() < 0.1 else metric


def _scalar_value(rng: random.Random) -> tuple[DataType, Any]:
    datatype = rng.choice(_SCALARS)
    return datatype, _scalar(rng, datatype)


def _scalar(rng: random.Random, datatype: DataType) -> Any:
    if datatype is D.Boolean:
        return rng.random() < 0.5
    if datatype is D.DateTime:
        chance = rng.random()
        if chance < 0.5:
            return _stamp(rng)
        # Any day that calendars have, and at times one that they have not.
        return rng.randrange(_LAST_DAY) if chance < 0.9 else rng.choice((0, _LAST_DAY + 1, 2**64 - 1))
    if datatype in UNSIGNED_BITS:
        return _integer(rng, 0, (1 << UNSIGNED_BITS[datatype]) - 1)
    if datatype in SIGNED_BITS:
        half = 1 << SIGNED_BITS[datatype] - 1
        return _integer(rng, -half, half - 1)
    if datatype in FLOATS:
        return _real(rng, datatype)
    if datatype in BLOBS:
        return rng.randbytes(rng.randrange(20))
    assert datatype in TEXTS
    return (
        rng.choice(_TEXTS)
        if rng.random() < 0.6
        else f"text {rng.randrange(10**9)}" * rng.choice((1, 1, 1, 20))
    )


def _integer(rng: random.Random, low: int, high: int) -> int:
    if rng.random() < 0.4:
        return rng.choice((low, high, 0, 1, max(low, -1), high // 2, high // 2 + 1))
    # As many short numbers as long ones.
    return max(
        low, min(high, rng.getrandbits(rng.randrange(1, 65)) * (-1 if low and rng.random() < 0.5 else 1))
    )


def _real(rng: random.Random, datatype: DataType) -> float:
    single = datatype is D.Float
    if rng.random() < 0.4:
        return rng.choice(_SINGLES if single else _FLOATS)
    found: float = struct.unpack("<f" if single else "<d", rng.randbytes(4 if single else 8))[0]
    # There are many NaNs in bits and one in the protocol.
    return math.nan if math.isnan(found) else found


def _stamp(rng: random.Random) -> int:
    return rng.randrange(1_600_000_000_000, 1_900_000_000_000)


def _array_value(rng: random.Random) -> tuple[DataType, Any]:
    datatype = rng.choice(_ARRAYS)
    elements = (_scalar(rng, ELEMENTS[datatype]) for _ in range(rng.choice((0, 1, 2, 7, 8, 9, 17))))
    if datatype is D.StringArray:
        return datatype, tuple(text.replace("\0", "") for text in elements)
    return datatype, tuple(elements)


def _cell(rng: random.Random, datatype: DataType) -> Any:
    return None if rng.random() < 0.05 else _scalar(rng, datatype)


def _data_set(rng: random.Random) -> DataSet:
    types = tuple(rng.choice(_BASIC) for _ in range(rng.randrange(4)))
    rows = tuple(tuple(_cell(rng, kind) for kind in types) for _ in range(rng.randrange(4) if types else 0))
    return DataSet(tuple(f"column {n}" if rng.random() < 0.9 else "" for n in range(len(types))), types, rows)


def _template(rng: random.Random, depth: int) -> Template:
    members = []
    for n in range(rng.randrange(4)):
        kind = rng.randrange(5)
        if kind == 4 and depth:
            member = Metric(f"part {n}", D.Template, _template(rng, depth - 1), _stamp(rng))
        else:
            maker = (_scalar_value, _scalar_value, _array_value, lambda rng: (D.DataSet, _data_set(rng)))[
                kind % 4
            ]
            member = _metric(rng, maker, n, plain=False, born=True)
        members.append(member)
    parameters = []
    for n in range(rng.randrange(3)):
        datatype = rng.choice(_BASIC)
        parameters.append(Parameter(f"parameter {n}", datatype, _cell(rng, datatype)))
    definition = rng.random() < 0.4
    return Template(
        tuple(members),
        tuple(parameters),
        None if definition else rng.choice(("Pump", "Ventil/ä")),
        rng.choice((None, "", "1.2")),
        definition,
    )


def _properties(rng: random.Random, depth: int) -> dict[str, Property]:
    found = {}
    for n in range(rng.randrange(1, 4)):
        kind = rng.randrange(6)
        if kind == 0 and depth:
            value: Any = None if rng.random() < 0.1 else _properties(rng, depth - 1)
            found[f"set {n}"] = Property(D.PropertySet, value)
        elif kind == 1 and depth:
            sets = tuple(_properties(rng, depth - 1) for _ in range(rng.randrange(3)))
            found[f"list {n}"] = Property(D.PropertySetList, None if rng.random() < 0.2 else sets)
        else:
            datatype = rng.choice(_BASIC)
            found[rng.choice((f"unit {n}", f"größe {n}"))] = Property(datatype, _cell(rng, datatype))
    return found


def _metadata(rng: random.Random) -> MetaData:
    fields: dict[str, Any] = {
        "is_multi_part": rng.random() < 0.5,
        "content_type": "text/plain",
        "size": _integer(rng, 0, 2**64 - 1),
        "seq": _integer(rng, 0, 2**64 - 1),
        "file_name": "recipe.csv",
        "file_type": "csv",
        "md5": f"{rng.getrandbits(128):032x}",
        "description": rng.choice(_TEXTS),
    }
    return MetaData(**{name: fields[name] for name in rng.sample(sorted(fields), rng.randrange(1, 9))})
