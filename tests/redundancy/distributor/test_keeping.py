"""What a stopped server keeps, without I/O: out of one broker, through JSON, into the next."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redundancy.distributor import keeping
from redundancy.distributor.access import Access
from redundancy.distributor.events import Lost, Stop
from redundancy.distributor.keeping import Count, Unreadable
from redundancy.distributor.properties import Property
from sparkplug.instant import Instant
from tests.redundancy.distributor import wire
from tests.redundancy.distributor.bench import Bench, access
from tests.redundancy.distributor.test_core_fuzz import check
from tests.redundancy.distributor.wire import publish

WALL = 1_800_000_000_000
STAY = {"version": 5, "clean": False, "props": {Property.SESSION_EXPIRY: 300}, "keep_alive": 0}
PLAIN = {"clean": False, "keep_alive": 0}


def stopped(bench: Bench, most: int = keeping.MOST) -> tuple[dict, Count]:
    bench.do(Stop())
    kept, count = keeping.export(bench.broker, Instant(bench.now, WALL), most)
    return json.loads(json.dumps(kept)), count


def started(
    kept: dict, pause: float = 0.0, rules: Access | None = None, **limits: float
) -> tuple[Bench, Count]:
    """The next run, `pause` seconds later by the wall clock, whatever its own clock says."""
    bench = Bench(rules, **limits)
    bench.now += 5
    count = keeping.take_up(bench.broker, kept, Instant(bench.now, WALL + round(pause * 1000)))
    check(bench)
    return bench, count


def again(bench: Bench, client_id: str, username: str = "admin", **more: object) -> list[tuple[int, bytes]]:
    """What a client with this session gets when it comes back, CONNACK first."""
    number = bench.open()
    bench.send(number, wire.connect(client_id, username, f"{username}-secret", **more))
    return bench.got(number)


def away(bench: Bench, client_id: str = "away", *filters: tuple[str, int], **more: object) -> None:
    number = bench.client(client_id, "admin", *(filters or (("plant/#", 2),)), **(more or STAY))
    bench.do(Lost(number, "cut"))


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
forwarded = st.fixed_dictionaries(
    {},
    optional={
        Property.PAYLOAD_FORMAT: st.integers(0, 1),
        Property.MESSAGE_EXPIRY: st.integers(20, 2**32 - 1),
        Property.CONTENT_TYPE: texts,
        Property.RESPONSE_TOPIC: st.just("answers/here"),
        Property.CORRELATION_DATA: st.binary(max_size=20),
        Property.USER_PROPERTY: st.lists(st.tuples(texts, texts), min_size=1, max_size=3),
    },
)
messages = st.lists(
    st.tuples(st.binary(max_size=50), st.integers(0, 2), st.booleans(), forwarded), max_size=8
)


@given(messages)
def test_any_messages_come_out_as_they_would_have_without_a_stop(sent: list):
    heard = []
    for stops in (False, True):
        bench = Bench()
        away(bench)
        source = bench.client("source", version=5, keep_alive=0)
        for number, (payload, qos, retain, props) in enumerate(sent, 1):
            more = {"packet_id": number, "retain": retain, "version": 5, "props": props}
            bench.send(source, publish(f"plant/{number}", payload, qos, **more))
            if qos == 2:
                bench.send(source, wire.ack(wire.PUBREL, number))
        if stops:
            bench, count = started(stopped(bench)[0], pause=10)
            assert (count.lost_sessions, count.lost_messages) == (0, 0)
        else:
            bench.wait(10)
        reader = bench.open()
        bench.send(reader, wire.connect("away", "admin", "admin-secret", **STAY))
        queue = [(first, wire.message(first, body, 5)) for first, body in bench.got(reader)[1:]]
        bench.send(reader, wire.subscribe(2, ("plant/#", 0), version=5))
        retained = sorted(bench.messages(reader, 5))
        heard.append((queue, retained))
    assert heard[0] == heard[1]


def test_both_halves_of_qos_2_go_on_where_they_were():
    bench = Bench()
    reader = bench.client("reader", "admin", ("plant/#", 2), **PLAIN)
    source = bench.client("source", **PLAIN)
    for number in (1, 2):
        bench.send(source, publish("plant/a", b"%d" % number, 2, packet_id=number))
    bench.got(reader)
    bench.send(reader, wire.ack(wire.PUBREC, 1))
    bench, count = started(stopped(bench)[0])
    assert (count.sessions, count.messages) == (2, 2)
    packets = again(bench, "reader", **PLAIN)
    assert packets[0] == (wire.CONNACK, b"\1\0"), "the session is present"
    assert packets[1] == (wire.PUBREL, b"\0\1"), "this one only has to be released"
    assert packets[2][0] == 0x3C, "and this one comes again, marked DUP"
    assert wire.message(*packets[2])[1:3] == (b"2", 2)
    source = bench.open()
    bench.send(source, wire.connect("source", "admin", "admin-secret", **PLAIN))
    bench.send(source, publish("plant/a", b"2", 2, packet_id=2, dup=True), wire.ack(wire.PUBREL, 2))
    assert [first for first, _ in bench.got(source)] == [wire.CONNACK, wire.PUBREC, wire.PUBCOMP]
    assert len(bench.broker.sessions["reader"].inflight) == 2, "it was not passed on twice"


def test_options_of_subscriptions_live_on():
    bench = Bench()
    reader = bench.client("reader", **STAY)
    bench.send(reader, wire.subscribe(1, ("plant/#", 1 | 0x04 | 0x08 | 0x20), version=5))
    before = bench.broker.sessions["reader"].subscriptions
    bench, _ = started(stopped(bench)[0])
    assert bench.broker.sessions["reader"].subscriptions == before
    bench.send(bench.client("source"), publish("plant/a", b"x", 1))
    assert [first for first, _ in again(bench, "reader", **STAY)[1:]] == [0x32]


def test_time_runs_on_while_the_server_is_away():
    bench = Bench()
    away(bench)
    away(bench, "short", version=5, clean=False, props={Property.SESSION_EXPIRY: 30}, keep_alive=0)
    source = bench.client("source", version=5, keep_alive=0)
    for number, seconds in ((1, 20), (2, 200)):
        props = {Property.MESSAGE_EXPIRY: seconds}
        bench.send(source, publish(f"plant/{number}", b"x", 1, packet_id=number, version=5, props=props))
    bench.wait(10)
    kept, _ = stopped(bench)
    bench, count = started(kept, pause=90)
    assert (count.sessions, count.lost_sessions, count.messages, count.lost_messages) == (1, 1, 1, 1)
    got = [wire.message(*packet, 5) for packet in again(bench, "away", **STAY)[1:]]
    assert [(topic, props) for topic, _, _, props in got] == [("plant/2", {Property.MESSAGE_EXPIRY: 100})]
    early, _ = started(kept, pause=-3600)
    early.wait(301)
    assert not early.broker.sessions, "a clock that was set back prolongs nothing"
    late, _ = started(kept, pause=291)
    assert not late.broker.sessions


def test_what_a_user_may_no_longer_do_does_not_return():
    bench = Bench(access(guest=["RW #"], gone=["RW #"]))
    for name in ("guest", "gone"):
        number = bench.client(name, name, ("plant/#", 1), ("office/#", 1), **STAY)
        bench.do(Lost(number, "cut"))
    source = bench.client("source")
    bench.send(source, publish("plant/a", b"1", 1, packet_id=1), publish("office/a", b"2", 1, packet_id=2))
    bench, count = started(stopped(bench)[0], rules=access(guest=["R plant/#"]))
    assert (count.sessions, count.lost_sessions, count.messages, count.lost_messages) == (1, 1, 1, 1)
    got = [wire.message(*packet, 5)[0] for packet in again(bench, "guest", "guest", **STAY)[1:]]
    assert got == ["plant/a"]
    assert list(bench.broker.sessions["guest"].subscriptions) == ["plant/#"]


def test_another_user_gets_nothing_of_a_kept_session():
    bench = Bench(access(guest=["RW #"]))
    away(bench)
    bench.send(bench.client("source"), publish("plant/a", b"1", 1))
    bench, _ = started(stopped(bench)[0], rules=access(guest=["RW #"]))
    number = bench.open()
    bench.send(number, wire.connect("away", "guest", "guest-secret", **STAY))
    bench.wait(1)
    assert [(first, body[1]) for first, body in bench.got(number)] == [(wire.CONNACK, 0x85)]


# --- what only a live connection makes true


def test_a_fenced_session_never_returns():
    bench = Bench()
    bench.client("Primary-cmd", "pair", ("plant/#", 1), **STAY)
    kept, count = stopped(bench)
    assert (kept["sessions"], count.sessions) == ([], 0)
    bench = Bench(Access(access().users))
    bench.client("Primary-cmd", "pair", ("plant/#", 1), **STAY)
    kept, count = stopped(bench)
    assert count.sessions == 1
    _, count = started(kept)
    assert (count.sessions, count.lost_sessions) == (0, 1), "it was not fenced then, but is now"


@pytest.mark.parametrize("topic", ["spBv1.0/STATE/Primary", "STATE/Primary"])
@pytest.mark.parametrize("with_will", [True, False])
def test_no_host_is_online_before_it_says_so_itself(topic: str, with_will: bool):
    bench = Bench()
    will = (topic, b'{"online":false,"timestamp":5}', 1, True) if with_will else None
    host = bench.client("Primary-state-master", "pair", will=will)
    online = publish(topic, b'{"online":true,"timestamp":5}', 1, packet_id=1, retain=True)
    bench.send(host, online, publish("plant/a", b"kept", 1, packet_id=2, retain=True))
    bench, count = started(stopped(bench)[0])
    assert count.retained == 1
    edge = bench.client("edge")
    bench.send(edge, wire.subscribe(1, ("#", 1), ("spBv1.0/#", 1)))
    assert bench.messages(edge) == [("plant/a", b"kept")]
    forged = {"messages": [[topic, "b25saW5l", 1, True, "", None]], "sessions": [], "retained": [0]}
    assert started(forged)[1].retained == 0


@pytest.mark.parametrize("delay", [0, 60])
def test_a_kept_session_hears_the_wills_of_those_who_were_connected_at_the_stop(delay: int):
    bench = Bench()
    away(bench)
    bench.client("edge", version=5, will=("plant/edge", b"gone", 1, True),
                 props={Property.SESSION_EXPIRY: 300}, will_props={Property.WILL_DELAY: delay})  # fmt: skip
    edge = bench.client("source")
    bench.send(edge, publish("plant/edge", b"here", 1, retain=True))
    bench, _ = started(stopped(bench)[0])
    queue = [wire.message(*packet, 5)[1] for packet in again(bench, "away", **STAY)[1:]]
    assert queue == [b"here", b"gone"]
    fresh = bench.client("fresh")
    bench.send(fresh, wire.subscribe(1, ("plant/#", 1)))
    assert bench.messages(fresh) == [("plant/edge", b"gone")]
    assert all(session.will is None for session in bench.broker.sessions.values())
    bench.wait(100)
    assert bench.messages(fresh) == [], "and once only"


def test_who_takes_leave_leaves_no_will():
    bench = Bench()
    away(bench)
    edge = bench.client("edge", will=("plant/edge", b"gone", 1, False))
    bench.send(edge, wire.GOODBYE)
    assert stopped(bench)[1].messages == 0


def test_clean_sessions_and_the_servers_own_topics_are_not_kept():
    bench = Bench()
    bench.client("clean", "admin", ("plant/#", 1))
    bench.wait(10)
    assert stopped(bench)[0] == {"messages": [], "sessions": [], "retained": []}


# --- bounds


def test_the_largest_sessions_lose_their_oldest_messages_when_there_is_too_much():
    bench = Bench()
    for name in ("large", "small"):
        away(bench, name, (f"plant/{name}", 1))
    source = bench.client("source")
    for number in range(1, 101):
        bench.send(source, publish("plant/large", b"%03d" % number + b"x" * 1000, 1, packet_id=number))
    bench.send(source, publish("plant/small", b"whole", 1, packet_id=101))
    kept, count = stopped(bench, most=60_000)
    assert len(json.dumps(kept)) < 90_000
    assert 40 < count.messages < 60
    assert count.messages + count.lost_messages == 101
    bench, _ = started(kept)
    assert wire.message(*again(bench, "small", **STAY)[1], 5)[1] == b"whole"
    large = [wire.message(*packet, 5)[1][:3] for packet in again(bench, "large", **STAY)[1:]]
    assert large == [b"%03d" % number for number in range(101 - len(large), 101)]


def test_a_session_without_room_for_its_messages_still_returns_with_its_subscriptions():
    bench = Bench()
    for name in ("one", "other"):
        away(bench, name, (f"plant/{name}", 1))
        bench.send(bench.client(f"{name}-source"), publish(f"plant/{name}", b"x" * 50_000, 1))
    kept, count = stopped(bench, most=60_000)
    assert (count.sessions, count.lost_sessions, count.messages, count.lost_messages) == (2, 0, 1, 1)
    bench, _ = started(kept)
    assert all(session.subscriptions for session in bench.broker.sessions.values())


def test_a_message_for_many_sessions_is_kept_once():
    bench = Bench()
    for number in range(50):
        away(bench, f"away-{number}")
    bench.send(bench.client("source"), publish("plant/a", b"x" * 10_000, 1, retain=True))
    kept, count = stopped(bench)
    assert (len(kept["messages"]), count.messages, count.retained) == (1, 50, 1)


def test_no_more_sessions_return_than_the_server_may_have():
    bench = Bench()
    for number in range(5):
        away(bench, f"away-{number}")
    _, count = started(stopped(bench)[0], sessions=3)
    assert (count.sessions, count.lost_sessions) == (3, 2)


WRONG = [
    {}, [], None, {"messages": 5, "sessions": [], "retained": []},
    {"messages": [["a/#", "", 1, False, "", None]], "sessions": [], "retained": []},
    {"messages": [["a", "no base64", 1, False, "", None]], "sessions": [], "retained": []},
    {"messages": [["a", "", 3, False, "", None]], "sessions": [], "retained": []},
    {"messages": [[5, "", 1, False, "", None]], "sessions": [], "retained": []},
    {"messages": [["a", "", 1, False, "AwEB", None]], "sessions": [], "retained": []},
    {"messages": [["a", "", 1, False, "", "soon"]], "sessions": [], "retained": []},
    {"messages": [], "sessions": [], "retained": [0]},
]  # fmt: skip


@pytest.mark.parametrize("kept", WRONG)
def test_values_that_no_server_wrote_are_refused_whole(kept: object):
    with pytest.raises(Unreadable):
        started(kept)


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": None}, {"expiry": "x"}, {"ends": None}, {"last_id": 70_000}, {"received": [-1]},
        {"subscriptions": [["a/#/b", 1, False, False, 0]]}, {"subscriptions": [["a", 9, False, False, 0]]},
        {"inflight": [[1, 5, 1, False]]}, {"inflight": [[0, 0, 1, False]]}, {"waiting": [[-1, 1, False]]},
        {"waiting": [[0, 1]]},
    ],
)  # fmt: skip
def test_a_session_that_no_server_wrote_is_refused_and_nothing_is_taken_up(change: dict):
    bench = Bench()
    away(bench)
    away(bench, "other")
    bench.send(bench.client("source"), publish("plant/a", b"x", 1, retain=True))
    kept, _ = stopped(bench)
    kept["sessions"][1].update(change)
    fresh = Bench()
    with pytest.raises(Unreadable):
        keeping.take_up(fresh.broker, kept, Instant(fresh.now, WALL))
    assert not fresh.broker.sessions
    assert not fresh.broker.router.everything_retained()
