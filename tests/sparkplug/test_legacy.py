"""STATE as it was before 3.0: what a host says there, and what an edge node makes of it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkplug import Close, EdgeSession, EdgeState, Publish, StateError, Subscribe, Will
from sparkplug.legacy import LegacyPresence, legacy_online
from tests.sparkplug.edge_scene import DEVICES, NODE, STATE, waiting
from tests.sparkplug.scene import EDGE, HOST, START, at, kinds, only, problems, published, state, topic

TOPIC = f"STATE/{HOST}"


def speaking() -> LegacyPresence:
    presence = LegacyPresence(HOST)
    presence.open()
    presence.connected()
    presence.subscribed(at(0))
    return presence


def said(effects) -> list[bytes]:
    return [publish.payload for publish in only(Publish, effects)]


class TestTheHost:
    def test_its_will_says_offline_and_it_subscribes_before_it_says_online(self):
        presence = LegacyPresence(HOST)

        assert presence.open() == Will(TOPIC, b"OFFLINE", qos=1, retain=True)
        assert presence.receive(TOPIC, b"OFFLINE", at(0)) == [], "what was retained is no news"
        assert presence.connected() == [Subscribe(((TOPIC, 1),))]
        assert presence.subscribed(at(0)) == [Publish(TOPIC, b"ONLINE", qos=1, retain=True)]

    @pytest.mark.parametrize("hidden_by", [b"OFFLINE", b"", b"\xff", b'{"online":false,"timestamp":1}'])
    def test_what_hides_it_is_answered(self, hidden_by):
        assert said(speaking().receive(TOPIC, hidden_by, at(2))) == [b"ONLINE"]

    def test_its_own_echo_and_other_topics_mean_nothing(self):
        presence = speaking()

        assert presence.receive(TOPIC, b"ONLINE", at(2)) == []
        assert presence.receive("STATE/Other", b"OFFLINE", at(2)) == []

    @given(st.lists(st.integers(0, 3000), min_size=1, max_size=50))
    def test_a_forger_gets_one_answer_a_second_and_never_the_last_word(self, pauses):
        presence, now, answered = speaking(), 0.0, [0.0]
        for pause in pauses:
            now += pause / 1000
            answered += [now for _ in said(presence.receive(TOPIC, b"OFFLINE", at(now)))]
            answered += [now for _ in said(presence.tick(at(now)))]
        if (due := presence.deadline()) is not None:
            answered += [due for _ in said(presence.tick(at(due)))]

        assert answered[-1] >= now
        assert all(later - earlier > 0.999 for earlier, later in pairwise(answered))
        assert presence.deadline() is None

    def test_goodbye_says_offline_and_a_planned_switch_says_nothing(self):
        assert kinds(speaking().leave()) == ["Close"]
        farewell = speaking().goodbye()
        assert said(farewell) == [b"OFFLINE"]
        assert isinstance(farewell[-1], Close)
        assert LegacyPresence(HOST).goodbye()[0:] == [Close(clean=True, why="goodbye")]

    @pytest.mark.parametrize("text", [b"", b"online", b"ONLINE ", b"\x00", b"{}"])
    def test_no_other_text_is_a_state(self, text):
        with pytest.raises(StateError):
            legacy_online(text)


class TestTheEdgeNode:
    def test_it_is_heard_only_where_it_is_asked_for(self):
        assert problems(waiting().receive(TOPIC, b"ONLINE", at(1))) == ["payload"]
        assert waiting().state is EdgeState.WAITING

    def test_it_subscribes_to_the_real_one_first(self):
        session = waiting(legacy_state=True)
        session.disconnected(at(1))
        session.open(1, at(1))

        [subscribe] = session.connected(at(1))

        assert subscribe.filters == (
            (topic("NCMD"), 1),
            (topic("DCMD", "+"), 1),
            (STATE, 1),
            (TOPIC, 1),
        )

    def test_online_lets_it_be_born_and_offline_sends_it_away(self):
        session = waiting(legacy_state=True)

        assert kinds(session.receive(TOPIC, b"ONLINE", at(1))) == ["BirthDue"]
        session.birth(NODE, DEVICES, at(1))
        effects = session.receive(TOPIC, b"OFFLINE", at(2))

        assert published(effects) == ["NDEATH"]
        assert kinds(effects) == ["Publish", "Close", "HostOffline"]

    def test_once_the_real_one_is_heard_the_text_no_longer_counts(self):
        session = waiting(legacy_state=True)
        session.receive(STATE, state(True, START), at(1))
        session.birth(NODE, DEVICES, at(1))

        assert session.receive(TOPIC, b"OFFLINE", at(2)) == []
        assert session.state is EdgeState.ONLINE

    def test_an_old_real_one_does_not_silence_it(self):
        session = waiting(legacy_state=True, last_state=START)
        session.receive(STATE, state(True, START - 1), at(1))

        assert kinds(session.receive(TOPIC, b"ONLINE", at(1))) == ["BirthDue"]

    @pytest.mark.parametrize("garbage", [b"", b"on", b"\xff\xfe", b'{"online":true}'])
    def test_what_cannot_be_read_is_a_problem_and_nothing_else(self, garbage):
        session = waiting(legacy_state=True)

        assert problems(session.receive(TOPIC, garbage, at(1))) == ["state"]
        assert session.state is EdgeState.WAITING

    def test_without_a_primary_host_there_is_nothing_to_believe(self):
        session = EdgeSession(EDGE, None, legacy_state=True)
        session.open(0, at(0))
        session.connected(at(0))

        assert problems(session.receive(TOPIC, b"OFFLINE", at(1))) == ["payload"]
