"""The forms of sign-in and of an account."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password

from hmi.people.models import User


class SignInForm(forms.Form):
    """`username` and `password`. What was wrong is never said more exactly than "one of the two"."""

    username = forms.CharField(max_length=150, widget=forms.TextInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(
        max_length=500,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class UserForm(forms.ModelForm):  # type: ignore[type-arg]  # not a generic at run time
    """An account: name, role, whether it may sign in, and a new password. Empty keeps the old one."""

    new_password = forms.CharField(
        required=False,
        max_length=500,
        strip=False,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text="At least ten characters. Empty keeps the old one.",
    )

    class Meta:
        model = User
        fields = ("username", "full_name", "role", "is_active")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        password = cleaned.get("new_password")
        if password:
            try:
                validate_password(password, self.instance)
            except forms.ValidationError as error:
                self.add_error("new_password", error)
        elif self.instance._state.adding:
            self.add_error("new_password", "A new account needs a password.")
        return cleaned

    def save(self, commit: bool = True) -> User:
        """The caller wraps this in `hmi.replication.people.change`."""
        if password := self.cleaned_data.get("new_password"):
            # Sessions are bound to the password's hash: a new one ends them on both nodes.
            self.instance.set_password(password)
        saved: User = super().save(commit)
        return saved
