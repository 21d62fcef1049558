"""The facets that say which data are taken: selections, each with a stream id of its own, and filters."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from hmi.adapter.facets.scalars import Decimal, OneOf, Span, Switch, Text
from hmi.adapter.facets.shapes import Facet
from redundancy.distributor.topics import filter_fault, name_fault
from sparkplug.errors import LocalProtocolError
from sparkplug.topic import EdgeNodeId, check_id

TYPES = (
    *("Int16", "Int32", "Int64", "UInt16", "UInt32", "UInt64", "Float32", "Float64"),
    *("Boolean", "String", "Date-Time", "Geolocation", "Coordinates"),
)
_SAME_TYPE = {"single": "Float32", "double": "Float64", "datetime": "Date-Time"}
_FIELD_SETS = {
    "geolocation": ({"Latitude", "Longitude"},),
    "coordinates": ({"x", "y"}, {"x", "y", "z"}),
}
_LONGEST_STREAM_ID = 1900
ADAPTER_TIME = "Adapter"
_REPLACED = str.maketrans(
    {
        **dict.fromkeys("*'`\"?", ""),
        **dict.fromkeys(";|\\", "-"),
        **dict.fromkeys("{[", "("),
        **dict.fromkeys("}]", ")"),
    }
)

Topic = Annotated[str, Field(min_length=1, max_length=1000)]
JsonPath = Annotated[Text, Field(max_length=1000, description="A JSON path that begins with $")]


class DataFilter(Facet):
    """Which values of a stream are kept: those that moved far enough, or are the first in a while."""

    id: Annotated[Text, Field(min_length=1, max_length=100)]
    absolute_deadband: Annotated[Decimal, Field(ge=0)] | None = None
    percent_change: Annotated[Decimal, Field(ge=0)] | None = None
    expiration_period: Annotated[str, Span()] | None = None

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.absolute_deadband is None) == (self.percent_change is None):
            raise ValueError("absoluteDeadband: exactly one of absoluteDeadband and percentChange is needed")
        return self


class _Selection(Facet):
    selected: Switch = True
    name: Text | None = None
    stream_id: str = ""
    data_filter_id: Annotated[Text, Field(max_length=100)] | None = None

    @field_validator("selected", mode="before")
    @classmethod
    def _empty_is_no(cls, value: Any) -> Any:
        return False if value in (None, "") else value

    @field_validator("stream_id")
    @classmethod
    def _usable_id(cls, value: str) -> str:
        if value and (reason := stream_id_fault(value)):
            raise ValueError(reason)
        return value


class Selection(_Selection):
    """A stream of an MQTT component: what is taken out of the JSON that comes on a topic."""

    topic: Topic
    value_field: JsonPath | None = None
    data_fields: dict[str, JsonPath] | None = None
    index_field: JsonPath | None = None
    index_format: Annotated[Text, Field(max_length=100)] | None = None
    data_type: Annotated[str, Field(json_schema_extra={"enum": list(TYPES)})]

    @field_validator("data_type", mode="before")
    @classmethod
    def _known_type(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = _SAME_TYPE.get(value.strip().casefold(), value)
        return OneOf(TYPES).read(value)

    @field_validator("topic")
    @classmethod
    def _topic(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("is blank")
        if reason := filter_fault(value):
            raise ValueError(reason)
        return value

    @field_validator("value_field", "index_field")
    @classmethod
    def _path(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("$"):
            raise ValueError("is no JSON path: it does not begin with $")
        return value

    @model_validator(mode="before")
    @classmethod
    def _arrival(cls, raw: Any) -> Any:
        """Without a place for the time, the time of arrival is meant."""
        if not raw.get("indexField") and not raw.get("indexFormat"):
            return {**raw, "indexField": None, "indexFormat": ADAPTER_TIME}
        return raw

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.value_field is None) == (self.data_fields is None):
            raise ValueError("valueField: exactly one of valueField and dataFields is needed")
        if self.index_field is None and self.index_format != ADAPTER_TIME:
            raise ValueError(f"indexFormat: without an indexField it can only be {ADAPTER_TIME}")
        sets = _FIELD_SETS.get(self.data_type.casefold())
        if (sets is None) != (self.data_fields is None):
            raise ValueError("dataFields: are what Geolocation and Coordinates take, and only these")
        if sets is not None and self.data_fields is not None:
            if set(self.data_fields) not in sets:
                wanted = " or ".join(", ".join(sorted(each)) for each in sets)
                raise ValueError(f"dataFields: {self.data_type} takes {wanted}")
            if not all(path.startswith("$") for path in self.data_fields.values()):
                raise ValueError("dataFields: holds what is no JSON path: it does not begin with $")
        return self

    @field_validator("data_fields", mode="before")
    @classmethod
    def _field_names(cls, value: Any) -> Any:
        """Names in their own case, whichever they were given in."""
        if not isinstance(value, dict):
            return value
        known = {name.casefold(): name for each in _FIELD_SETS.values() for one in each for name in one}
        return {known.get(str(name).casefold(), name): path for name, path in value.items()}


class SparkplugSelection(_Selection):
    """A stream of an MQTTSparkplugB component: one metric of an edge node or of a device."""

    topic: Topic
    metric_name: Annotated[Text, Field(min_length=1)]

    @field_validator("topic")
    @classmethod
    def _data_topic(cls, value: str) -> str:
        if reason := _sparkplug_fault(value):
            raise ValueError(reason)
        return value


def stream_id_fault(text: str) -> str:
    """Why this is no stream id; empty if it is one."""
    if len(text) > _LONGEST_STREAM_ID:
        return f"has more than {_LONGEST_STREAM_ID} characters"
    if not text.strip() or not text.isprintable():
        return "is blank or holds characters that cannot be printed"
    if text.startswith("__"):
        return "begins with two underscores"
    if text.startswith(".") or text.endswith(".") or ".." in text:
        return "begins or ends with a period, or has two in a row"
    return ""


def default_stream_id(item: dict[str, Any], pattern: str) -> str:
    """The stream id of a selection that was given without one, after the data source's pattern."""
    topic = item["topic"]
    parts = topic.split("/")
    words = {"Topic": topic, "DataType": item.get("dataType") or ""}
    if "metricName" in item:
        words["MetricName"] = item["metricName"]
        words["BaseTopic"] = "/".join([*parts[:2], *parts[3:]])
    else:
        fields = item["dataFields"] or {"": item["valueField"]}
        words["ValueField"] = "-".join(fields[name] for name in sorted(fields))
    known = {name.casefold(): word for name, word in words.items()}
    pattern = re.sub(r"\{(\w+)\}", lambda found: known.get(found[1].casefold(), found[0]), pattern)
    text = re.sub(r"\.{2,}", ".", pattern.translate(_REPLACED)).strip(".")
    return re.sub(r"^_{2,}", "_", text)[:_LONGEST_STREAM_ID].rstrip(".")


def _sparkplug_fault(topic: str) -> str:
    parts = topic.split("/")
    if len(parts) < 4 or parts[0] != "spBv1.0" or parts[2] not in ("NDATA", "DDATA"):
        return "is not spBv1.0/<group>/NDATA/<edge> or spBv1.0/<group>/DDATA/<edge>/<device>"
    if len(parts) != (4 if parts[2] == "NDATA" else 5):
        return "NDATA has no device" if parts[2] == "NDATA" else "DDATA has one device"
    try:
        EdgeNodeId.checked(parts[1], parts[3])
        for device in parts[4:]:
            check_id("device id", device)
    except LocalProtocolError as error:
        return str(error)
    return name_fault(topic) or ""
