"""TLS without sockets: any cut of the bytes gives the same words, and any nonsense is a plain refusal."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redundancy.link.frames import Breach, FrameError
from redundancy.link.tls import Papers, TlsWire
from tests.redundancy.certificates import Office

MANY = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Papers, Papers]:
    office = Office(tmp_path_factory.mktemp("papers"))
    return Papers(office.desk("m").files), Papers(office.desk("b").files)


def pieces(data: bytes, sizes: list[int]) -> list[bytes]:
    found, at = [], 0
    for size in sizes:
        found.append(data[at : at + size])
        at += size
    return [*found, data[at:]]


def exchange(one: TlsWire, two: TlsWire, said: bytes, sizes: list[int]) -> tuple[bytes, bytes]:
    """What each hears, until neither has more to say. `said` is what `one` still has for the socket."""
    heard = {id(one): b"", id(two): b""}
    way = [(one, two, said)]
    while way:
        sender, receiver, data = way.pop(0)
        for piece in pieces(data, sizes):
            heard[id(receiver)] += receiver.receive(piece)
        if answer := receiver.pending():
            way.append((receiver, sender, answer))
    return heard[id(one)], heard[id(two)]


def refusal(receive: Callable[[], bytes]) -> FrameError | None:
    try:
        receive()
    except FrameError as error:
        return error
    return None


@MANY
@given(st.binary(max_size=200_000), st.binary(max_size=100), st.lists(st.integers(0, 700), max_size=20))
def test_however_the_bytes_are_cut_each_end_hears_what_the_other_said(
    papers: tuple[Papers, Papers], first: bytes, then: bytes, sizes: list[int]
) -> None:
    client, server = papers[0].wire(server=False), papers[1].wire(server=True)
    server.send(then)
    heard = exchange(client, server, client.send(first), sizes)
    assert heard == (then, first)
    assert (client.names, server.names) == (frozenset({"b"}), frozenset({"m"}))
    assert exchange(server, client, server.send(first), sizes)[1] == first


@MANY
@given(
    st.booleans(), st.sampled_from([b"", b"\x16", b"\x16\x03\x01", b"\x15\x03\x03"]), st.binary(min_size=1)
)
def test_nonsense_is_a_refusal_or_waits_for_more(
    papers: tuple[Papers, Papers], server: bool, start: bytes, data: bytes
) -> None:
    wire = papers[0].wire(server=server)
    wire.send(b"")
    fault = refusal(lambda: wire.receive(start + data))
    assert fault is None or (fault.breach is Breach.TLS and fault.reason.isprintable())
    assert not wire.done
    assert isinstance(wire.pending(), bytes)


@MANY
@given(st.integers(0, 3000), st.integers(1, 255))
def test_one_wrong_byte_in_the_handshake_is_a_refusal_and_never_a_link_to_somebody_else(
    papers: tuple[Papers, Papers], where: int, change: int
) -> None:
    client, server = papers[0].wire(server=False), papers[1].wire(server=True)
    server.receive(client.send(b"hello"))
    answer = bytearray(server.pending())
    answer[where % len(answer)] ^= change
    fault = refusal(lambda: client.receive(bytes(answer))) or refusal(
        lambda: server.receive(client.pending())
    )
    assert fault.breach is Breach.TLS if fault else client.names <= {"b"}


def test_the_stream_s_end_is_a_fault_only_of_an_end_that_was_called(papers: tuple[Papers, Papers]) -> None:
    with pytest.raises(FrameError, match="perhaps its link is without TLS"):
        papers[0].wire(server=False).finish()
    papers[0].wire(server=True).finish()
