"""The pages: no models of their own."""

from django.apps import AppConfig


class PagesConfig(AppConfig):
    name = "hmi.pages"
    label = "pages"
