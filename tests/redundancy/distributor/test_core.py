"""The broker's core, with time turned by hand: deadlines, bounds, stalls, people."""

from __future__ import annotations

from redundancy.distributor.access import Access
from redundancy.distributor.broker import Broker
from redundancy.distributor.events import (
    Close,
    Connected,
    Drained,
    Lost,
    Received,
    Reconfigured,
    Stop,
    Verified,
)
from redundancy.distributor.limits import Limits
from redundancy.distributor.properties import Property
from tests.redundancy.distributor import wire
from tests.redundancy.distributor.bench import Bench, access, people
from tests.redundancy.distributor.wire import PINGREQ, publish, subscribe

DEATH = ("plant/death", b"dead", 1, False)


def test_a_silent_client_is_dropped_after_one_and_a_half_keep_alives_and_its_will_goes_out():
    bench = Bench()
    watcher = bench.client("watcher", "admin", ("plant/#", 1), keep_alive=0)
    edge = bench.client("edge", keep_alive=10, will=DEATH)
    bench.wait(10)
    bench.send(edge, PINGREQ)
    bench.wait(14.9)
    assert edge not in bench.closed
    bench.wait(0.2)
    assert edge in bench.closed
    assert bench.messages(watcher) == [("plant/death", b"dead")]
    bench.wait(10_000)
    assert watcher not in bench.closed, "keep-alive 0 means never"


def test_a_socket_that_never_sends_connect_is_closed():
    bench = Bench(connect_timeout=5)
    number = bench.open()
    bench.send(number, b"\x10")
    bench.wait(4.9)
    assert number not in bench.closed
    bench.wait(0.2)
    assert bench.closed[number] == "no CONNECT in time"


def test_a_wrong_password_and_an_unknown_user_are_refused_late_and_alike():
    bench = Bench(refusal_delay=0.5)
    for username in ("admin", "nobody"):
        number = bench.open()
        bench.send(number, wire.connect("x", username, "guess"), publish("plant/a", b"smuggled"))
        bench.wait(0.4)
        assert bench.got(number) == []
        bench.wait(0.2)
        assert bench.got(number) == [(wire.CONNACK, b"\0\x05")]
        assert number in bench.closed
    assert bench.broker.statistics.published == 0


def test_nothing_behind_connect_is_read_before_the_password_is_checked():
    broker = Broker(access(), Limits(), now=0.0)
    broker.handle(Connected(1, "x"), 0.0)
    stream = wire.connect("x") + publish("plant/a", b"1")
    broker.handle(Received(1, stream), 0.0)
    assert broker.statistics.published == 0
    broker.handle(Received(1, publish("plant/a", b"2")), 0.0)
    broker.handle(Verified(1, True), 0.0)
    assert broker.statistics.published == 2


def test_a_client_that_floods_before_connack_is_closed():
    bench = Bench()
    number = bench.open()
    bench.send(number, wire.connect("x", "nobody", "x") + b"\xc0\0" * 10)
    broker = Broker(access(), Limits(), now=0.0)
    broker.handle(Connected(1, "x"), 0.0)
    broker.handle(Received(1, wire.connect("x")), 0.0)
    effects = broker.handle(Received(1, b"\xc0\0" * 100_000), 0.0)
    assert any(isinstance(effect, Close) for effect in effects)


# --- the stall guard


def test_after_a_stall_longer_than_the_lease_fenced_sessions_are_gone_before_anything_is_read():
    bench = Bench()
    edge = bench.client("edge", "admin", ("plant/#", 0))
    commander = bench.client("Primary-cmd", "pair")
    state = bench.client("Primary-state-master", "pair", will=("plant/state", b"offline", 1, True))
    ingest = bench.client("Primary-master", "pair", ("plant/#", 0))
    bench.wait(60)
    bench.freeze(2.1)
    bench.send(commander, publish("plant/command", b"an old holder's command"))
    assert commander in bench.closed
    assert state in bench.closed
    assert ingest not in bench.closed
    assert bench.messages(edge) == [("plant/state", b"offline")], "no command came through"
    bench.send(edge, PINGREQ)
    assert bench.broker.statistics.fenced == 2


def test_a_shorter_stall_fences_nobody():
    bench = Bench()
    edge = bench.client("edge", "admin", ("plant/#", 0))
    commander = bench.client("Primary-cmd", "pair")
    bench.wait(60.25)
    bench.freeze(1.4)
    bench.send(commander, publish("plant/command", b"go"))
    assert bench.messages(edge) == [("plant/command", b"go")]


def test_an_idle_broker_is_not_taken_for_a_stalled_one():
    bench = Bench()
    commander = bench.client("Primary-cmd", "pair", keep_alive=0)
    bench.wait(3600)
    assert commander not in bench.closed


def test_a_stall_is_not_counted_as_the_clients_silence():
    bench = Bench()
    edge = bench.client("edge", keep_alive=5, will=DEATH)
    bench.wait(1)
    bench.freeze(100)
    other = bench.client("other")
    bench.send(edge, PINGREQ)
    assert bench.got(edge) == [(wire.PINGRESP, b"")]
    assert other not in bench.closed


def test_a_fenced_client_whose_password_is_being_checked_during_the_stall_is_dropped_too():
    broker = Broker(access(), Limits(), now=0.0)
    broker.handle(Connected(1, "x"), 0.0)
    broker.handle(Received(1, wire.connect("Primary-cmd", "pair", "pair-secret")), 0.0)
    broker.handle(Verified(1, True), 3.0)
    assert 1 not in broker.connections


# --- wills


def test_a_will_delay_is_waited_for_and_forgotten_if_the_client_returns():
    bench = Bench()
    watcher = bench.client("watcher", "admin", ("plant/#", 0), keep_alive=0)
    more = {
        "version": 5, "clean": False, "will": DEATH, "will_props": {Property.WILL_DELAY: 10},
        "props": {Property.SESSION_EXPIRY: 100}, "keep_alive": 0,
    }  # fmt: skip
    first = bench.client("edge", **more)
    bench.do(Lost(first, "cut"))
    bench.wait(9)
    second = bench.client("edge", **more)
    bench.wait(20)
    assert bench.messages(watcher) == []
    bench.do(Lost(second, "cut"))
    bench.wait(10.1)
    assert bench.messages(watcher) == [("plant/death", b"dead")]


def test_a_delayed_will_comes_at_once_when_the_session_ends():
    bench = Bench()
    watcher = bench.client("watcher", "admin", ("plant/#", 0), keep_alive=0)
    more = {"version": 5, "will": DEATH, "will_props": {Property.WILL_DELAY: 50}, "keep_alive": 0}
    edge = bench.client("edge", **more, props={Property.SESSION_EXPIRY: 100})
    bench.do(Lost(edge, "cut"))
    bench.client("edge", clean=True)
    assert bench.messages(watcher) == [("plant/death", b"dead")]
    again = bench.client("edge", **more)
    bench.do(Lost(again, "cut"))
    assert bench.messages(watcher) == [("plant/death", b"dead")], "the session ended with its connection"


def test_disconnect_with_will_message_fires_the_will():
    bench = Bench()
    watcher = bench.client("watcher", "admin", ("plant/#", 0))
    edge = bench.client("edge", version=5, will=DEATH)
    bench.send(edge, b"\xe0\x01\x04")
    assert bench.messages(watcher) == [("plant/death", b"dead")]


def test_a_stopping_server_says_so_and_fires_no_wills():
    bench = Bench()
    watcher = bench.client("watcher", "admin", ("plant/#", 0))
    edge = bench.client("edge", version=5, will=DEATH)
    bench.do(Stop())
    assert bench.got(edge)[-1][0] == wire.DISCONNECT
    assert bench.messages(watcher) == []
    assert set(bench.closed) == {watcher, edge}


# --- bounded memory


def test_a_slow_reader_keeps_what_fits_loses_the_rest_counted_and_is_thrown_out():
    bench = Bench(drains=False, queue_bytes=100_000, packet=200_000, slow_client=10)
    slow = bench.client("slow", "admin", ("plant/#", 0), keep_alive=0)
    source = bench.client("source", keep_alive=0)
    for number in range(1000):
        bench.send(source, publish("plant/a", b"%04d" % number + b"x" * 1000))
    session = bench.broker.sessions["slow"]
    assert session.held <= 100_000
    assert len(bench.out[slow]) < 400_000
    assert session.dropped > 500
    assert len(bench.messages(slow)) + len(session.waiting) + session.dropped == 1000
    bench.wait(9)
    assert slow not in bench.closed
    bench.wait(1.1)
    assert "slow" in bench.closed[slow]
    assert source not in bench.closed


def test_a_slow_reader_that_catches_up_gets_everything_in_order_and_stays():
    bench = Bench(drains=False, slow_client=10)
    slow = bench.client("slow", "admin", ("plant/#", 1), keep_alive=0)
    source = bench.client("source", keep_alive=0)
    sent = [b"%04d" % number + b"x" * 1000 for number in range(1000)]
    for number, payload in enumerate(sent):
        bench.send(source, publish("plant/a", payload, qos=number % 2, packet_id=number + 1))
    got = []
    while slow in bench.reports or bench.out[slow]:
        bench.reports.discard(slow)
        acks = []
        for first, body in bench.got(slow):
            _, payload, packet_id, _ = wire.message(first, body)
            got.append(payload)
            if packet_id:
                acks.append(wire.ack(wire.PUBACK, packet_id))
        bench.send(slow, *acks)
        bench.do(Drained(slow))
    assert got == sent
    bench.wait(60)
    assert slow not in bench.closed


def test_a_client_that_asks_and_never_reads_is_closed():
    bench = Bench(drains=False, packet=1024)
    number = bench.client("asker", keep_alive=0)
    for _ in range(10):
        if number not in bench.closed:
            bench.send(number, PINGREQ * 50_000)
    assert number in bench.closed
    assert len(bench.out[number]) < 1_000_000


def test_an_offline_session_keeps_the_newest_messages():
    bench = Bench(queue_messages=10)
    away = bench.client("away", "admin", ("plant/#", 1), clean=False)
    bench.do(Lost(away, "cut"))
    source = bench.client("source", keep_alive=0)
    for number in range(1, 31):
        bench.send(source, publish("plant/a", b"%d" % number, 1, packet_id=number))
        bench.send(source, publish("plant/a", b"not kept at QoS 0"))
    assert bench.broker.sessions["away"].dropped == 20
    back = bench.open()
    bench.send(back, wire.connect("away", clean=False))
    assert bench.got(back)[0] == (wire.CONNACK, b"\x01\0")
    back = bench.open()
    bench.send(back, wire.connect("away", clean=False))
    got = [wire.message(*packet)[1] for packet in bench.got(back)[1:]]
    assert got == [b"%d" % number for number in range(21, 31)]


def test_connections_sessions_and_subscriptions_have_limits():
    bench = Bench(connections=3, sessions=2, subscriptions=2)
    first = bench.client("a", "admin", ("plant/1", 0), ("plant/2", 0))
    bench.send(first, subscribe(2, ("plant/3", 0), ("plant/1", 1)))
    assert bench.got(first)[-1] == (wire.SUBACK, b"\0\x02\x80\x01")
    bench.client("b")
    third = bench.open()
    fourth = bench.open()
    assert bench.closed[fourth] == "too many connections"
    bench.send(third, wire.connect("c"))
    bench.wait(1)
    assert bench.got(third) == [(wire.CONNACK, b"\0\x03")]


def test_retained_messages_have_a_limit():
    bench = Bench(retained_messages=2)
    one = bench.client("a", keep_alive=0)
    bench.send(one, *(publish(f"plant/{n}", b"x", retain=True) for n in range(50)))
    late = bench.client("late", "admin")
    bench.send(late, subscribe(1, ("plant/#", 0)))
    assert len(bench.messages(late)) <= 2


# --- people


def test_a_will_that_the_user_may_not_write_is_refused_at_connect():
    bench = Bench(access(guest=["R #"]))
    number = bench.open()
    bench.send(number, wire.connect("x", "guest", "guest-secret", will=DEATH))
    bench.wait(1)
    assert bench.got(number) == [(wire.CONNACK, b"\0\x05")]
    assert any("will" in note for note in bench.notes)


def test_who_changed_their_password_must_come_back_with_the_new_one():
    bench = Bench(access(edge=["RW plant/#"]))
    watcher = bench.client("watcher", "admin", ("plant/#", 0))
    edge = bench.client("edge-1", "edge", clean=False, will=DEATH)
    rules = access(edge=["RW plant/#"])
    bench.do(Reconfigured(rules, Limits(), 2.0))
    assert edge not in bench.closed, "nothing changed"
    changed = Access(
        {**rules.users, "edge": type(rules.users["edge"])("edge", "new", rules.users["edge"].rights)}
    )
    bench.do(Reconfigured(changed, Limits(), 2.0))
    assert edge in bench.closed
    assert watcher not in bench.closed
    assert "edge-1" in bench.broker.sessions
    assert bench.messages(watcher) == [("plant/death", b"dead")]


def test_a_user_that_vanishes_takes_all_their_sessions_along():
    bench = Bench(access(edge=["RW plant/#"]))
    watcher = bench.client("watcher", "admin", ("plant/#", 0))
    bench.client("online", "edge", will=DEATH)
    offline = bench.client("offline", "edge", ("plant/#", 1), clean=False)
    bench.do(Lost(offline, "cut"))
    bench.do(Reconfigured(access(), Limits(), 2.0))
    assert set(bench.broker.sessions) == {"watcher"}
    assert bench.messages(watcher) == [("plant/death", b"dead")]


def test_rights_change_under_a_running_session():
    bench = Bench(access(guest=["R plant/a"]))
    guest = bench.client("g", "guest", ("plant/#", 0), keep_alive=0)
    source = bench.client("source", keep_alive=0)
    bench.send(source, publish("plant/a", b"1"), publish("plant/b", b"1"))
    assert bench.messages(guest) == [("plant/a", b"1")]
    bench.do(Reconfigured(access(guest=["R plant/b", "W plant/c"]), Limits(), 2.0))
    bench.send(source, publish("plant/a", b"2"), publish("plant/b", b"2"))
    assert bench.messages(guest) == [("plant/b", b"2")]
    assert guest not in bench.closed


def test_the_same_fault_is_noted_once_and_counted_every_time():
    bench = Bench(access(guest=["R #"]))
    guest = bench.client("g", "guest", keep_alive=0)
    for _ in range(100):
        bench.send(guest, publish("plant/a", b"x"))
    assert len(bench.notes) == 1
    assert bench.broker.statistics.denied == 100


def test_strangers_cannot_flood_the_log():
    bench = Bench(connect_timeout=600)
    for number in range(1000):
        bench.send(bench.open(), wire.connect(f"stranger {number}" + "x" * 1000, "nobody", "x"))
        bench.wait(0.01)
    assert len(bench.notes) == 100
    assert max(map(len, bench.notes)) < 500
    bench.wait(100)
    bench.send(bench.open(), wire.connect("again", "nobody", "x"))
    assert bench.notes[100].startswith("900 more")


def test_the_servers_own_topics_are_its_own():
    bench = Bench()
    admin = bench.client("a", keep_alive=0)
    bench.send(admin, publish("$SYS/broker/version", b"forged", retain=True))
    watcher = bench.client("w", "admin", keep_alive=0)
    bench.send(watcher, subscribe(1, ("$SYS/#", 0)))
    told = dict(bench.messages(watcher))
    assert told["$SYS/broker/version"].startswith(b"tandem")
    bench.wait(5.1)
    assert dict(bench.messages(watcher))["$SYS/broker/clients/connected"] == b"2"
    bench.wait(30)
    assert bench.messages(watcher) == [], "only what has changed"


def test_what_users_of_everything_are_told_does_not_include_the_server():
    bench = Bench(Access(people(all=["RW #"])))
    number = bench.client("x", "all")
    bench.send(number, subscribe(1, ("$SYS/#", 0), ("#", 0)))
    assert bench.got(number)[-1] == (wire.SUBACK, b"\0\x01\x80\0")
