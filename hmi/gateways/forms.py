"""Forms of gateways: passwords that can be set and never read, lists written one entry a line."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from hmi.gateways.models import BrokerUser, Node, Server
from hmi.gateways.sealing import seal
from redundancy.distributor.passwords import hash_password
from redundancy.profiles import FILLED, decided


class LinesField(forms.CharField):
    """A JSON list of texts as a text area: one entry a line, empty lines dropped."""

    widget = forms.Textarea(attrs={"rows": 6, "cols": 60})

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"required": False, "max_length": 100_000, **options})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, list):
            return value
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(initial or []) != self.to_python(data))

    def validate(self, value: Any) -> None:
        if self.required and not value:
            raise ValidationError(self.error_messages["required"], code="required")

    def run_validators(self, value: Any) -> None:
        super().run_validators(json.dumps(value))


class JsonObjectField(forms.CharField):
    """A JSON object as text; nothing is an empty one."""

    widget = forms.Textarea(attrs={"rows": 2, "cols": 40})

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"required": False, "max_length": 10_000, **options})

    def prepare_value(self, value: Any) -> Any:
        return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) and value else value or ""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        try:
            found = json.loads(str(value or "").strip() or "{}")
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ValidationError("Write one JSON object.", code="invalid")
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(initial or {}) != self.to_python(data))
        except ValidationError:
            return True

    def run_validators(self, value: Any) -> None:
        super().run_validators(json.dumps(value))


def _new_password(help_text: str) -> forms.CharField:
    widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"})
    return forms.CharField(required=False, max_length=500, strip=False, widget=widget, help_text=help_text)


class NodeForm(forms.ModelForm):  # type: ignore[type-arg]  # not a generic at run time
    """A profile decides its times, whatever stands in their fields."""

    class Meta:
        model = Node
        fields = "__all__"

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        return cleaned | decided(cleaned.get("profile", ""))


def shared_by_the_pair(node: Node) -> tuple[str, ...]:
    """The settings of a node that the other one must have, too: the lease, and what a profile decides."""
    return ("profile", *(FILLED if decided(node.profile) else ("failover_timeout",)))


class ServerForm(forms.ModelForm):  # type: ignore[type-arg]  # not a generic at run time
    """The password is sealed as soon as it comes in and never goes out again."""

    new_password = _new_password("Empty keeps the old one.")
    clear_password = forms.BooleanField(required=False)
    backup = JsonObjectField(
        label="on the Backup", help_text='Fields that the Backup reads instead, such as {"host": "10.0.0.8"}'
    )

    class Meta:
        model = Server
        fields = (
            *("order", "name", "target", "host", "port", "username", "new_password", "clear_password"),
            *("keep_alive", "connect_timeout", "backup"),
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("new_password"):
            self.instance.password = seal(cleaned["new_password"])
        elif cleaned.get("clear_password"):
            self.instance.password = ""
        return cleaned


class BrokerUserForm(forms.ModelForm):  # type: ignore[type-arg]  # not a generic at run time
    """Only the password's hash is kept."""

    new_password = _new_password("Empty keeps the old one.")
    acl = LinesField(label="ACL", help_text="One a line: R filter, W filter or RW filter; - in front denies.")
    client_ids = LinesField(label="client IDs", help_text="Patterns only this user may use, one a line.")

    class Meta:
        model = BrokerUser
        fields = ("username", "new_password", "acl", "client_ids")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("new_password"):
            self.instance.password_hash = hash_password(cleaned["new_password"])
        elif self.instance._state.adding:
            self.add_error("new_password", "A new user needs a password.")
        return cleaned
