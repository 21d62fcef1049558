"""Which facets there are, on which components, and what may be done to each: one table, read by all.

The verbs (`hmi.adapter.facets.verbs`), the checks, the OpenAPI description and the pages take it from here.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Final

from pydantic import Field
from pydantic.alias_generators import to_camel

from hmi.adapter.facets import shapes, streams
from hmi.adapter.facets.scalars import Text
from hmi.adapter.facets.shapes import Facet

SYSTEM: Final = "System"
MQTT, SPARKPLUG = "MQTT", "MQTTSparkplugB"
TYPES = (MQTT, SPARKPLUG)
FIRST = {"id": "MQTT1", "type": MQTT}
MASK = "*" * 15
COMPONENTS, SECRETS, DISCOVERIES = "components", "secrets", "discoveries"


class Verb(StrEnum):
    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


ALL = frozenset(Verb)
KEPT_ALWAYS = ALL - {Verb.DELETE}

# What an item without an id is called: its fields and the component's data source -> an id.
NewId = Callable[[Mapping[str, Any], Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Kind:
    """One facet. `key` is the property that tells the items of a list apart, "" for a single object.

    `of` are the types of component that have it. `protected` properties are kept as secrets. `begins` says
    with which other facet, or with the component itself (""), it comes into being; None: only by itself.
    """

    name: str
    shape: type[Facet]
    of: tuple[str, ...] = TYPES
    key: str = ""
    verbs: frozenset[Verb] = ALL
    protected: tuple[str, ...] = ()
    new_id: NewId | None = None
    begins: str | None = None

    @property
    def title(self) -> str:
        """As the adapter's documents spell it: `RedundantServers`."""
        return self.name[:1].upper() + self.name[1:]

    @property
    def is_list(self) -> bool:
        return bool(self.key)

    @property
    def unset(self) -> Any:
        """What there is before anybody has said something."""
        return [] if self.is_list else None

    @property
    def properties(self) -> dict[str, str]:
        """Property in small letters -> its canonical name."""
        return _properties(self.shape)

    def in_order(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """The properties as they are documented; a record keeps them by the alphabet."""
        return {name: entry[name] for name in self.properties.values()}


@cache
def _properties(shape: type[Facet]) -> dict[str, str]:
    names = (to_camel(name) for name in shape.model_fields)
    return {name.casefold(): name for name in names}


class ComponentItem(Facet):
    """A component and its type; the id is the name of its folder of tags."""

    component_id: Text = ""
    component_type: Annotated[str, Field(json_schema_extra={"enum": list(TYPES)})]


class SecretItem(Facet):
    """A protected value that facets refer to as `{{id}}`. It is never answered."""

    id: Annotated[Text, Field(max_length=600, pattern=r"^[^{}]*$")] = ""
    description: Annotated[Text, Field(max_length=500)] | None = None
    expiration_date: Annotated[Text, Field(max_length=40)] | None = None
    value: shapes.Protected


def _guid(_item: Mapping[str, Any], _source: Mapping[str, Any]) -> str:
    return str(uuid.uuid4())


def _stream_id(item: Mapping[str, Any], source: Mapping[str, Any]) -> str:
    shape = shapes.SparkplugDataSource if "metricName" in item else shapes.DataSource
    usual = shape.model_fields["default_stream_id_pattern"].default
    pattern = source.get("defaultStreamIdPattern")
    return streams.default_stream_id(dict(item), pattern if isinstance(pattern, str) and pattern else usual)


_PASSWORDS = ("password", "clientCertificatePassword")
_DATA_SOURCE = "dataSource"

FACETS = (
    Kind(_DATA_SOURCE, shapes.DataSource, (MQTT,), protected=_PASSWORDS),
    Kind(_DATA_SOURCE, shapes.SparkplugDataSource, (SPARKPLUG,), protected=_PASSWORDS),
    Kind("redundantServers", shapes.RedundantServer, key="serverId", protected=_PASSWORDS, new_id=_guid),
    Kind("dataSelection", streams.Selection, (MQTT,), key="streamId", new_id=_stream_id),
    Kind("dataSelection", streams.SparkplugSelection, (SPARKPLUG,), key="streamId", new_id=_stream_id),
    Kind("clientSettings", shapes.ClientSettings, begins=_DATA_SOURCE),
    Kind("dataFilters", streams.DataFilter, key="id"),
    Kind("failover", shapes.Failover, begins=_DATA_SOURCE),
    Kind("logging", shapes.Logging, (*TYPES, SYSTEM), verbs=KEPT_ALWAYS, begins=""),
)
COMPONENT_LIST = Kind(COMPONENTS, ComponentItem, (SYSTEM,), key="componentId")
SECRET_LIST = Kind(
    SECRETS, SecretItem, ("Management",), key="id", verbs=frozenset({Verb.GET, Verb.PUT, Verb.DELETE})
)


def facets_of(component_type: str) -> tuple[Kind, ...]:
    """Those that a component of this type has, in the order in which they are shown."""
    return tuple(kind for kind in FACETS if component_type in kind.of)


def facet_of(component_type: str, name: str) -> Kind | None:
    """The facet of this name, in any case."""
    known = {kind.name.casefold(): kind for kind in facets_of(component_type)}
    if component_type == SYSTEM:
        known[COMPONENTS] = COMPONENT_LIST
    return known.get(name.casefold())
