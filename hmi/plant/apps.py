"""The demo plant: six nodes and a witness on one machine. Commands, no models."""

from django.apps import AppConfig


class PlantAppConfig(AppConfig):
    name = "hmi.plant"
    label = "plant"
