"""Accounts, their tokens and sessions, and the audit trail.

Ids are UUIDs, because a session names its user by id and both nodes of a pair must mean the same person.
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import models

from hmi.people.rights import Right, Role, may


class UserManager(BaseUserManager["User"]):
    """Finds accounts by name. They are made by `hmi.replication.people` only: there is no createsuperuser."""


class User(AbstractBaseUser):
    """One person or one program. The role decides everything, the admin site included."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    username = models.CharField(max_length=150, unique=True, validators=[UnicodeUsernameValidator()])
    full_name = models.CharField(max_length=200, blank=True)
    role = models.CharField(max_length=20, choices=Role, default=Role.VIEWER)
    is_active = models.BooleanField("may sign in", default=True)
    # Sign-ins are in the audit trail; a column that each node writes for itself would only drift apart.
    last_login = None

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    class Meta:
        ordering = ["username"]

    def __str__(self) -> str:
        return self.username

    def get_full_name(self) -> str:
        return self.full_name or self.username

    get_short_name = get_full_name

    @property
    def is_staff(self) -> bool:
        """Who may open the admin site."""
        return may(self, Right.CONFIGURE)

    @property
    def is_superuser(self) -> bool:
        """Nobody is above the rights."""
        return False

    def has_perm(self, perm: str, obj: Any = None) -> bool:  # noqa: ARG002  Django's signature
        """Our admin pages ask for rights. Only the lock-outs of django-axes go by Django's own names."""
        return perm.startswith("axes.") and may(self, Right.USERS)

    def has_perms(self, perms: Any, obj: Any = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perms)

    def has_module_perms(self, app_label: str) -> bool:
        return app_label == "axes" and may(self, Right.USERS)


class Token(models.Model):
    """A token for `Authorization: Bearer`. Only its SHA-256 is kept: 256 random bits need no slow hash."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=100)
    hash = models.CharField(max_length=64, unique=True)
    created = models.DateTimeField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.user.username}: {self.name}"


class Session(models.Model):
    """A browser's session, by the SHA-256 of its key: who reads this table can't sign in with it."""

    key_hash = models.CharField(max_length=64, primary_key=True)
    data = models.TextField()
    expires = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key_hash[:8]


class AuditRow(models.Model):
    """Who did what, when, where, on which node, with which outcome. Written once, by `hmi.people.audit`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(db_index=True)
    who = models.CharField(max_length=150)
    role = models.CharField(max_length=20, blank=True)
    node = models.CharField(max_length=100, blank=True)
    address = models.CharField(max_length=100, blank=True)
    action = models.CharField(max_length=60, db_index=True)
    target = models.CharField(max_length=1000, blank=True)
    old = models.TextField(blank=True)
    new = models.TextField(blank=True)
    outcome = models.CharField(max_length=300)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.who} {self.action} {self.target}"
