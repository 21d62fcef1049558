"""A form for any facet of the adapter's components, made from its schema; the facet's own rules judge it.

Protected fields are never shown: left empty they stay what they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

from hmi.adapter.facets.catalogue import MASK, Kind

_LABELS = {
    "hostNameOrIpAddress": "Host name or IP address",
    "tls": "TLS",
    "mqttVersion": "MQTT version",
    "qosLevel": "QoS level",
    "userName": "User name",
    "clientId": "Client id",
    "serverId": "Server id",
    "streamId": "Stream id",
    "streamIdPrefix": "Prefix of stream ids",
    "defaultStreamIdPattern": "Pattern of stream ids",
    "primaryHostId": "Primary host id",
    "dataFilterId": "Data filter",
    "validateServerCertificate": "Verify the server's certificate",
}
_HELP = {
    "hostNameOrIpAddress": "For example broker.example.com; with WS a path may follow.",
    "port": "Empty: 8883 with TCP, the usual one with WS.",
    "clientId": "Empty: one of its own, the same on both nodes.",
    "streamIdPrefix": "Empty: none; the component's folder stands for it.",
    "valueField": "A JSON path such as $.temperature; $ is the whole payload.",
    "dataFields": 'For Geolocation and Coordinates: {"Latitude": "$.lat", "Longitude": "$.lon"}',
    "indexField": "Where the time stands. Empty: the time of arrival.",
    "indexFormat": "Empty: ISO 8601. Else UnixTimeSeconds, UnixTimeMilliseconds or a .NET format.",
    "topic": "May hold + and #.",
    "streamId": "Empty: made from the pattern. Slashes make folders.",
    "timeZone": "For times without an offset, such as Europe/Berlin. Empty: UTC.",
    "failback": "whenStable: back to the first server once it has been reachable for the hold-off.",
    "clientCertificateThumbprint": "SHA-1 of a certificate in the node's folder `certificates`.",
}
_CHOICES = {"qosLevel": ("0", "1", "2")}


class FacetForm(forms.Form):
    """`value` is the entry as it is kept, None for a new one. `body()` is what to put, in the API's words."""

    def __init__(
        self,
        kind: Kind,
        value: Mapping[str, Any] | None,
        data: Any = None,
        choices: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        super().__init__(data)
        self._kind, self._value = kind, value
        schema = kind.shape.model_json_schema(by_alias=True)
        required = set(schema.get("required", ()))
        for name, about in schema["properties"].items():
            offered = (choices or {}).get(name) or _CHOICES.get(name) or _enum(about)
            field = self._field(name, about, offered)
            field.required = name in required and not isinstance(field, forms.BooleanField)
            field.label = label_of(name)
            field.help_text = field.help_text or _HELP.get(name, "")
            # What an entry is called is what it is known by: tags, secrets and history go by it.
            field.disabled = name == kind.key and value is not None
            self.fields[name] = field

    def body(self) -> dict[str, Any]:
        """Without what was left empty: that is as it is by itself, a password as it was."""
        said: dict[str, Any] = {}
        for name, entry in self.cleaned_data.items():
            if name in self._kind.protected:
                said[name] = self._secret(name, entry)
            elif name == "dataFields" and entry:
                said[name] = json.loads(entry)
            elif entry not in ("", None):
                said[name] = entry
        return said

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("dataFields"):
            try:
                json.loads(cleaned["dataFields"])
            except (ValueError, RecursionError):
                self.add_error("dataFields", "This is no JSON.")
        return cleaned

    def tell(self, messages: Iterable[str]) -> None:
        """What the facet's rules say against it, where the form can show it."""
        for message in messages:
            name, colon, reason = message.partition(": ")
            if colon and name in self.fields:
                self.add_error(name, reason[:1].upper() + reason[1:])
            else:
                self.add_error(None, message)

    def _secret(self, name: str, entry: str) -> str | None:
        if entry:
            return entry
        owner = {"password": "userName", "clientCertificatePassword": "clientCertificateThumbprint"}.get(name)
        held = self._value is not None and bool(self._value.get(name))
        return MASK if held and self.cleaned_data.get(owner or "") else None

    def _field(self, name: str, about: Mapping[str, Any], offered: Iterable[str]) -> forms.Field:
        held = about.get("default") if self._value is None else self._value.get(name)
        if _type(about) == "boolean":
            return forms.BooleanField(initial=bool(held))
        if name in self._kind.protected:
            kept = "Kept as it is if left empty." if held else ""
            widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
            return forms.CharField(widget=widget, help_text=kept, strip=False)
        if offered:
            optional = [("", "–")] if held is None or name in ("dataFilterId",) else []
            pairs = [*optional, *((each, each) for each in offered)]
            return forms.ChoiceField(choices=pairs, initial=str(held) if held is not None else "")
        text = json.dumps(held) if isinstance(held, dict) else held
        return forms.CharField(initial=text, max_length=5000)


def label_of(name: str) -> str:
    """`maxClientQueueSize` as `Max client queue size`."""
    if name in _LABELS:
        return _LABELS[name]
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()
    return words[:1].upper() + words[1:]


def _enum(about: Mapping[str, Any]) -> tuple[str, ...]:
    for part in (about, *about.get("anyOf", ())):
        if "enum" in part:
            return tuple(part["enum"])
    return ()


def _type(about: Mapping[str, Any]) -> str:
    return str(about.get("type", ""))
