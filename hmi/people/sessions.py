"""Sessions that hold on both nodes of a pair.

A session is a row and a record: a sign-in on either node is known on the other a moment later, and a
sign-out ends it on both. The cookie's name carries the gateway's name (settings), because cookies ignore
ports. The table and the records hold only the SHA-256 of a session's key.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.contrib.sessions.middleware import SessionMiddleware as _SessionMiddleware
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers

from hmi.people.models import Session
from hmi.replication import ledger
from hmi.replication.models import Record
from hmi.replication.poke import push_after_commit

# An expired session's record is kept a little longer than the session could have lived: a node that was
# away would otherwise bring it back.
_KEPT = timedelta(days=1)


class SessionMiddleware(_SessionMiddleware):
    """Django's own, except that a session which has not reached this node yet keeps its cookie.

    Nodes on one host share the cookie, so taking it away here would sign its owner out on the other node.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        session = getattr(request, "session", None)
        if isinstance(session, SessionStore) and session.unheard_of and not session.modified:
            patch_vary_headers(response, ("Cookie",))
            return response
        return super().process_response(request, response)


class SessionStore(SessionBase):
    """Django's session interface over `Session` and the ledger.

    `unheard_of`: the browser named a session that this node has never been told of, not even of its end.
    """

    unheard_of = False

    def load(self) -> dict[str, Any]:
        row = Session.objects.filter(key_hash=_hash(self.session_key), expires__gt=timezone.now()).first()
        if row is None:
            self.unheard_of = ledger.current(ledger.SESSION, _hash(self.session_key)) is None
            self._session_key = None
            return {}
        return self.decode(row.data)

    def exists(self, session_key: str | None = None) -> bool:
        return Session.objects.filter(key_hash=_hash(session_key)).exists()

    def create(self) -> None:
        while True:
            self._session_key = self._get_new_session_key()  # type: ignore[attr-defined]  # the base class's own, which stubs leave out
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:
        """Raises CreateError if the key is taken, UpdateError if the session was ended meanwhile."""
        if self.session_key is None:
            self.create()
            return
        key, data = _hash(self.session_key), self.encode(self._get_session(no_load=must_create))  # type: ignore[attr-defined]
        expires = self.get_expiry_date()
        with transaction.atomic():
            held = Session.objects.select_for_update().filter(key_hash=key)
            if must_create:
                if held.exists():
                    raise CreateError
                Session.objects.create(key_hash=key, data=data, expires=expires)
            elif not held.update(data=data, expires=expires):
                raise UpdateError
            ledger.append(ledger.SESSION, key, _body(data, expires))
            push_after_commit()

    def delete(self, session_key: str | None = None) -> None:
        key = _hash(session_key or self.session_key)
        with transaction.atomic():
            gone, _ = Session.objects.filter(key_hash=key).delete()
            if gone:
                # Keys are never used again: the end wins over what a cut-off node makes of it meanwhile.
                ledger.append(ledger.SESSION, key, b"", epoch=1)
                push_after_commit()

    @classmethod
    def clear_expired(cls) -> None:
        """Forget what has run out; each node does so for itself, since both know the time."""
        Session.objects.filter(expires__lt=timezone.now()).delete()
        oldest = timezone.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE) - _KEPT
        Record.objects.filter(provider=ledger.SESSION, stored_at__lt=oldest).delete()


def project(key: str, body: bytes) -> None:
    """A session as the other node knows it. Raises ValueError for a body that is none."""
    if not body:
        Session.objects.filter(key_hash=key).delete()
        return
    raw = json.loads(body)
    if not isinstance(raw, dict) or not isinstance(raw.get("data"), str):
        raise ValueError("is not a session")
    expires = datetime.fromisoformat(str(raw.get("expires")))
    if expires.tzinfo is None:
        raise ValueError("expires: has no time zone")
    Session.objects.update_or_create(key_hash=key, defaults={"data": raw["data"], "expires": expires})


def _body(data: str, expires: datetime) -> bytes:
    return json.dumps({"data": data, "expires": expires.isoformat()}).encode()


def _hash(session_key: str | None) -> str:
    return hashlib.sha256((session_key or "").encode()).hexdigest()
