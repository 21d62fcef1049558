from django.apps import AppConfig


class PagesConfig(AppConfig):
    name = "hmi.pages"
    label = "pages"
