"""Signing in and out."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from hmi.people import audit
from hmi.people.audit import Actor
from hmi.people.forms import SignInForm
from hmi.people.sessions import SessionStore

# One sentence for a wrong name, a wrong password and a disabled account.
_WRONG = "The username or the password is wrong."
_TOO_MANY = "Too many attempts. Wait a quarter of an hour, or ask an administrator."


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """GET shows the form, POST signs in and goes to `next`, which must be a page of this pair."""
    form = SignInForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _form(request, form)
    username = form.cleaned_data["username"]
    user = auth.authenticate(request, username=username, password=form.cleaned_data["password"])
    actor = Actor(username, getattr(user, "role", ""), audit.address_of(request))
    if user is not None:
        # Gives the session a new key, so that one that was planted before is worth nothing.
        auth.login(request, user)
        audit.record(actor, "sign-in")
        SessionStore.clear_expired()
        return HttpResponseRedirect(_next(request))
    locked = bool(getattr(request, "axes_locked_out", False))
    # This page is the answer to a lock-out too; the middleware of django-axes would write one of its own.
    request.axes_locked_out = False  # type: ignore[attr-defined]
    said = _TOO_MANY if locked else _WRONG
    if not locked or not _told_of(actor):
        audit.record(actor, "sign-in", outcome=audit.REFUSED, reason=said)
    form.add_error(None, said)
    return _form(request, form, 429 if locked else 401)


@never_cache
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends the session on both nodes."""
    if request.user.is_authenticated:
        audit.record(Actor.of(request), "sign-out")
    auth.logout(request)
    return HttpResponseRedirect(settings.LOGIN_URL)


def _told_of(actor: Actor) -> bool:
    """A lock-out is one row: attempts that cost nobody anything must not fill the trail."""
    since = timezone.now() - timedelta(hours=settings.AXES_COOLOFF_TIME)
    told = audit.search(who=actor.who, action="sign-in", since=since)
    return told.filter(address=actor.address, reason=_TOO_MANY).exists()


def _form(request: HttpRequest, form: SignInForm, status: int = 200) -> HttpResponse:
    return render(request, "login.html", {"form": form, "next": _next(request)}, status=status)


def _next(request: HttpRequest) -> str:
    asked = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(asked, {request.get_host()}, require_https=request.is_secure())
    return asked if safe else settings.LOGIN_REDIRECT_URL
