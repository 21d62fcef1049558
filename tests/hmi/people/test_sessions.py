"""One sign-in for both nodes: what one of them records makes or ends the session on the other."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings as conf
from django.contrib.sessions.backends.base import UpdateError
from django.utils import timezone

from hmi.people.models import Session, User
from hmi.people.sessions import SessionStore
from hmi.replication.models import Ledger, Record
from hmi.replication.store import DjangoStore
from redundancy.replication.records import Record as Opaque
from tests.hmi.founded import browser

pytestmark = pytest.mark.django_db


def sent() -> list[Opaque]:
    """What this node has to say about sessions."""
    return [record for _, record in DjangoStore().after(0, 1000) if record.provider == "session"]


def become_the_other_node() -> None:
    """The same tests process as the other node: its own ledger, no sessions yet."""
    for model in (Record, Ledger, Session):
        model.objects.all().delete()


def test_a_sign_in_on_one_node_holds_on_the_other(users: dict[str, User]) -> None:
    bob = browser(users["bob"])
    records = sent()
    become_the_other_node()
    assert bob.get("/tags/").status_code == 302
    DjangoStore().apply("the first node", 1, records)
    assert bob.get("/tags/").status_code == 200


def test_a_sign_out_on_one_node_ends_it_on_the_other(users: dict[str, User]) -> None:
    bob = browser(users["bob"])
    signing_in = sent()
    cookies = bob.cookies.copy()
    bob.post("/logout/")
    signing_out = sent()
    become_the_other_node()
    store = DjangoStore()
    store.apply("the first node", 1, signing_in)
    bob.cookies = cookies
    assert bob.get("/tags/").status_code == 200
    store.apply("the first node", 2, signing_out)
    assert bob.get("/tags/").status_code == 302


def test_a_session_that_is_over_takes_its_cookie_along(users: dict[str, User]) -> None:
    bob = browser(users["bob"])
    SessionStore(bob.session.session_key).delete()
    bob.get("/tags/")
    assert not bob.cookies[conf.SESSION_COOKIE_NAME].value


def test_an_end_wins_over_a_change_that_a_cut_off_node_makes_later(users: dict[str, User]) -> None:
    bob = browser(users["bob"])
    ended = [Opaque(r.provider, r.key, 1, r.clock + 1, "the other node", b"") for r in sent()]
    session = bob.session
    for number in range(5):
        session["seen"] = number
        session.save()
    DjangoStore().apply("the other node", 1, ended)
    assert not Session.objects.exists()
    with pytest.raises(UpdateError):
        session.save()


def test_the_key_itself_is_kept_nowhere(users: dict[str, User]) -> None:
    bob = browser(users["bob"])
    key = bob.session.session_key
    kept = [row.key_hash + row.data for row in Session.objects.all()]
    kept += [record.key + record.body.decode() for record in sent()]
    assert not any(key in text for text in kept)


def test_who_reads_the_table_can_t_sign_in_with_it(users: dict[str, User]) -> None:
    bob = browser(users["bob"])
    bob.cookies[next(iter(bob.cookies))] = Session.objects.get().key_hash
    assert bob.get("/tags/").status_code == 302


def test_a_session_that_another_pair_signed_says_nothing(
    users: dict[str, User], settings: pytest.FixtureRequest
) -> None:
    settings.SECRET_KEY = "another pair's"
    forger = browser(users["bob"])
    settings.SECRET_KEY = "the pair's own"
    assert forger.get("/tags/").status_code == 302


def test_an_expired_session_is_over_and_forgotten(users: dict[str, User]) -> None:
    bob = browser(users["bob"])
    Session.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert bob.get("/tags/").status_code == 302
    Record.objects.filter(provider="session").update(stored_at=timezone.now() - timedelta(days=3))
    SessionStore.clear_expired()
    assert not Session.objects.exists()
    assert not Record.objects.filter(provider="session").exists()


def test_old_sessions_are_cleared_away_when_somebody_signs_in(users: dict[str, User]) -> None:
    browser(users["victor"])
    Session.objects.update(expires=timezone.now() - timedelta(seconds=1))
    browser(None).post("/login/", {"username": "bob", "password": "a long enough password"})
    assert Session.objects.count() == 1


def test_strangers_leave_no_sessions_behind(users: dict[str, User]) -> None:
    stranger = browser(None)
    stranger.get("/login/")
    stranger.post("/login/", {"username": "charlie", "password": "guess"})
    stranger.get("/tags/")
    assert not Session.objects.exists()


def test_a_session_ended_meanwhile_is_not_brought_back_by_a_slow_request(users: dict[str, User]) -> None:
    slow = browser(users["bob"]).session
    assert slow["_auth_user_id"], "the request has read its session"
    SessionStore(slow.session_key).delete()
    slow["late"] = True
    with pytest.raises(UpdateError):
        slow.save()
    assert not Session.objects.exists()


def test_a_fresh_session_has_a_key_of_its_own(db: None) -> None:
    one, other = SessionStore(), SessionStore()
    one.create()
    other.create()
    assert one.session_key != other.session_key
    assert one.exists(one.session_key)
    assert not one.exists("another")
