"""Whatever clients send in whatever order, the core neither raises nor loses count."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from redundancy.distributor.events import Drained, Lost, Reconfigured, Stop, Tick, Verified
from redundancy.distributor.limits import Limits
from redundancy.distributor.properties import Property
from tests.redundancy.distributor import wire
from tests.redundancy.distributor.bench import Bench, access

ids = st.sampled_from(["a", "b", "Primary-cmd", ""])
topics = st.sampled_from(["plant/a", "plant/b", "$SYS/x", "x y/z"])
filters = st.sampled_from(["plant/#", "#", "+/a", "plant/a", "$SYS/#", "$share/g/a"])
versions = st.sampled_from([4, 5])


@st.composite
def a_packet(draw: st.DrawFn) -> bytes:
    version, kind, number = draw(versions), draw(st.integers(0, 9)), draw(st.integers(1, 4))
    if kind <= 2:
        will = (draw(topics), b"w", draw(st.integers(0, 2)), draw(st.booleans()))
        username = draw(st.sampled_from(["admin", "pair", "nobody"]))
        data = wire.connect(
            draw(ids), username, f"{username}-secret", version=version, clean=draw(st.booleans()),
            keep_alive=draw(st.sampled_from([0, 1])), will=draw(st.none() | st.just(will)),
            props=draw(st.sampled_from([{}, {Property.SESSION_EXPIRY: 9, Property.RECEIVE_MAXIMUM: 1}])),
            will_props=draw(st.sampled_from([{}, {Property.WILL_DELAY: 2}])),
        )  # fmt: skip
    elif kind <= 5:
        props = draw(st.sampled_from([{}, {Property.TOPIC_ALIAS: 1}, {Property.MESSAGE_EXPIRY: 1}]))
        data = wire.publish(
            draw(topics), draw(st.binary(max_size=3)), draw(st.integers(0, 2)), packet_id=number,
            retain=draw(st.booleans()), version=version, props=props,
        )  # fmt: skip
    elif kind == 6:
        data = wire.subscribe(number, (draw(filters), draw(st.integers(0, 2))), version=version)
    elif kind == 7:
        data = wire.ack(draw(st.sampled_from([0x40, 0x50, 0x62, 0x70])), number)
    elif kind == 8:
        data = draw(st.sampled_from([wire.PINGREQ, wire.GOODBYE, b"\xe0\x01\x04", b"\xe0\0\xc0\0"]))
    else:
        data = draw(st.binary(max_size=20))
    return data


connections = st.integers(1, 4)
steps = st.one_of(
    st.tuples(st.just("send"), connections, a_packet()),
    st.tuples(st.just("send"), connections, a_packet()),
    st.tuples(st.just("lost"), connections, st.none()),
    st.tuples(st.just("time"), st.sampled_from([0.1, 1.0, 3.0]), st.booleans()),
    st.tuples(st.sampled_from(["drained", "verified", "tick", "reconfigured"]), connections, st.none()),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(steps, max_size=40))
def test_any_history_is_survived_and_accounted_for(history):
    bench = Bench(queue_messages=3, queue_bytes=10_000, sessions=4, retained_messages=2, inflight=2)
    for _ in range(4):
        bench.open()
    current = {number: number for number in range(1, 5)}
    for kind, what, detail in history:
        number = current.get(what, 0)
        if kind == "send":
            if number in bench.closed:
                number = current[what] = bench.open()
            bench.send(number, detail)
        elif kind == "lost":
            bench.do(Lost(number, "cut"))
        elif kind == "time" and detail:
            bench.freeze(what)
        elif kind == "time":
            bench.wait(what)
        elif kind == "reconfigured":
            rules = access() if what % 2 else access(nobody=["RW #"])
            bench.do(Reconfigured(rules, Limits(refusal_delay=0.1), 2.0))
        else:
            bench.do({"drained": Drained(number), "verified": Verified(number, True), "tick": Tick()}[kind])
        check(bench)
    bench.do(Stop())
    assert bench.broker.connections == {}


def check(bench: Bench) -> None:
    broker = bench.broker
    for client_id, session in broker.sessions.items():
        entries = [entry.message.size for entry in (*session.waiting, *session.inflight.values())]
        assert session.held == sum(entries)
        assert session.on_wire == (
            sum(entry.on_wire for entry in session.inflight.values())
            if session.connection
            else session.on_wire
        )
        assert session.client_id == client_id
        if session.connection is not None:
            assert broker.connections[session.connection.id] is session.connection
    retained = broker.router._retained
    assert broker.router._retained_bytes == sum(
        kept.size for kept in retained.match("#") + retained.match("$SYS/#")
    )
    for data in bench.out.values():
        list(wire.split(bytes(data)))
