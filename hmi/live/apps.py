from django.apps import AppConfig


class LiveConfig(AppConfig):
    name = "hmi.live"
    label = "live"
