"""Admin pages of the gateway, its nodes, MQTT servers and modules."""

# ruff: noqa: ARG002  (the signatures are Django's)

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from hmi.gateways.forms import BrokerUserForm, LinesField, NodeForm, ServerForm, shared_by_the_pair
from hmi.gateways.models import (
    BrokerUser,
    EngineSettings,
    Gateway,
    Node,
    Server,
    ServerSet,
    TransmissionSettings,
    Transmitter,
)
from hmi.replication.editing import GuardedInline, WholeAdmin

_TIMES = ("failover_timeout", "startup_allowance", "recovery", "dwell", "sync_timeout")
_INTERFACE = ("auto_detect_interface", "bind_interface")
_TLS_FILES = ("tls_certificate", "tls_key", "tls_client_ca")


class SingleAdmin(WholeAdmin):
    """A page of the only row of its kind."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request) and not self.model._default_manager.exists()


@admin.register(Gateway)
class GatewayAdmin(SingleAdmin):
    """The gateway's name is given when its nodes are set up."""

    readonly_fields = ("name",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Node)
class NodeAdmin(WholeAdmin):
    """Grouped as in Ignition. What both nodes must agree on is changed on both."""

    form = NodeForm
    list_display = ("name", "role", "url", "link", "mqtt", "profile", "standby", "recovery")
    fieldsets = (
        (None, {"fields": ("name",)}),
        ("Redundancy Settings", {"fields": ("role", "profile", "standby", *_TIMES)}),
        ("Network Settings", {"fields": ("link", *_INTERFACE, "master_address", "master_port")}),
        ("TLS of the links", {"fields": ("link_ca", "link_certificate", "link_key")}),
        ("HTTP Addresses for Clients", {"fields": ("http", "auto_detect_http", "url")}),
        ("Witness", {"fields": ("witness", "serve_witness")}),
        ("Distributor", {"fields": ("mqtt", "mqtts", "mqtt_ws", "mqtt_wss", *_TLS_FILES)}),
    )

    def save_model(self, request: HttpRequest, obj: Node, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        shared = {name: getattr(obj, name) for name in shared_by_the_pair(obj)}
        Node.objects.exclude(pk=obj.pk).update(**shared)


class ServerInline(GuardedInline):
    model = Server
    form = ServerForm


@admin.register(ServerSet)
class ServerSetAdmin(WholeAdmin):
    list_display = ("name", "description")
    inlines = (ServerInline,)


@admin.register(EngineSettings)
class EngineAdmin(SingleAdmin):
    list_display = ("__str__", "enabled", "host_id", "server_set")


class TransmitterInline(GuardedInline):
    model = Transmitter

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "devices":
            return LinesField(label="device IDs", help_text="One a line.")
        return super().formfield_for_dbfield(db_field, request, **kwargs)


@admin.register(TransmissionSettings)
class TransmissionAdmin(SingleAdmin):
    list_display = ("__str__", "enabled", "host_id", "server_set")
    inlines = (TransmitterInline,)


@admin.register(BrokerUser)
class BrokerUserAdmin(WholeAdmin):
    form = BrokerUserForm
    list_display = ("username", "acl", "client_ids")
