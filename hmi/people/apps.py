"""Who may do what: accounts, roles, sign-in, tokens and the audit trail."""

from __future__ import annotations

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "hmi.people"
    label = "people"
    verbose_name = "People"
