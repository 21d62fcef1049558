"""The live feed: no models, one subscription."""

from django.apps import AppConfig


class LiveConfig(AppConfig):
    name = "hmi.live"
    label = "live"
