"""Strategies for values of every data type."""

from __future__ import annotations

from hypothesis import strategies as st

from sparkplug import DataSet, DataType, MetaData, Metric, Parameter, Property, Template
from sparkplug.arrays import ELEMENTS
from sparkplug.datatypes import BASIC, SIGNED_BITS, TEXTS, UNSIGNED_BITS

D = DataType
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
_NAME = TEXT.filter(bool)


def scalar(datatype: DataType) -> st.SearchStrategy[object]:
    """Any value that a scalar type can hold; no NaN, which equals nothing."""
    if datatype in SIGNED_BITS:
        bits = SIGNED_BITS[datatype]
        return st.integers(-(1 << bits - 1), (1 << bits - 1) - 1)
    if datatype in UNSIGNED_BITS:
        return st.integers(0, (1 << UNSIGNED_BITS[datatype]) - 1)
    if datatype in TEXTS:
        return TEXT
    if datatype is D.Boolean:
        return st.booleans()
    if datatype in (D.Bytes, D.File):
        return st.binary(max_size=20)
    return st.floats(width=32 if datatype is D.Float else 64, allow_nan=False)


def _elements(datatype: DataType) -> st.SearchStrategy[object]:
    found = scalar(ELEMENTS[datatype])
    return found.filter(lambda text: "\0" not in text) if datatype is D.StringArray else found


ARRAYS = st.sampled_from(sorted(ELEMENTS)).flatmap(
    lambda d: st.tuples(st.just(d), st.lists(_elements(d), max_size=20).map(tuple))
)
_BASIC = st.sampled_from(sorted(BASIC))


@st.composite
def data_sets(draw: st.DrawFn) -> DataSet:
    types = tuple(draw(st.lists(_BASIC, max_size=4)))
    columns = tuple(draw(st.lists(TEXT, min_size=len(types), max_size=len(types))))
    row = st.tuples(*(st.none() | scalar(datatype) for datatype in types))
    # Without columns a row holds nothing, and there is nothing to tell rows apart.
    return DataSet(columns, types, tuple(draw(st.lists(row, max_size=3))))


PROPERTIES = st.recursive(
    st.dictionaries(
        _NAME,
        _BASIC.flatmap(lambda d: st.builds(Property, st.just(d), st.none() | scalar(d))),
        max_size=3,
    ),
    lambda inner: st.dictionaries(
        _NAME,
        st.builds(Property, st.just(D.PropertySet), inner)
        | st.builds(Property, st.just(D.PropertySetList), st.lists(inner, max_size=2).map(tuple)),
        max_size=2,
    ),
    max_leaves=4,
)
METADATA = st.builds(
    MetaData,
    st.none() | st.booleans(),
    st.none() | TEXT,
    st.none() | st.integers(0, 2**64 - 1),
    st.none() | st.integers(0, 2**64 - 1),
    *(st.none() | TEXT for _ in range(4)),
).filter(lambda metadata: metadata != MetaData())
_PARAMETERS = st.lists(
    _BASIC.flatmap(lambda d: st.builds(Parameter, TEXT, st.just(d), st.none() | scalar(d))), max_size=2
).map(tuple)


def _metric(pair: tuple[DataType, object], more: tuple[object, ...]) -> Metric:
    return Metric(more[0], *pair, *more[1:])


def _metrics(values: st.SearchStrategy[tuple[DataType, object]]) -> st.SearchStrategy[Metric]:
    return st.builds(
        _metric,
        values,
        st.tuples(
            _NAME,
            st.none() | st.integers(0, 2**64 - 1),
            st.none() | st.integers(0, 2**64 - 1),
            st.booleans(),
            st.booleans(),
            st.sampled_from([None, 0, 500]),
            st.none() | PROPERTIES.filter(lambda found: found and "Quality" not in found),
            st.none() | METADATA,
        ),
    )


_SCALARS = st.sampled_from([*sorted(BASIC), D.UUID, D.Bytes, D.File]).flatmap(
    lambda d: st.tuples(st.just(d), st.none() | scalar(d))
)
_FLAT = _SCALARS | ARRAYS | st.tuples(st.just(D.DataSet), data_sets())


def _templates(members: st.SearchStrategy[tuple[DataType, object]]) -> st.SearchStrategy[Template]:
    metrics = st.lists(_metrics(members), max_size=3).map(tuple)
    version = st.none() | TEXT
    return st.builds(Template, metrics, _PARAMETERS, _NAME, version, st.just(False)) | st.builds(
        Template, metrics, _PARAMETERS, st.none(), version, st.just(True)
    )


VALUES = st.recursive(
    _FLAT, lambda inner: st.tuples(st.just(D.Template), _templates(inner)) | inner, max_leaves=4
)
"""(datatype, value) of every type that a metric can have."""
METRICS = _metrics(VALUES)
