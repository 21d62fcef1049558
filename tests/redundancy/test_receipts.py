"""What is reported, waits and is acknowledged when connections break at the wrong moment."""

from __future__ import annotations

from redundancy.mqtt.receipts import Receipts, Verdict
from redundancy.mqtt.reports import Message

REPORT, ACKNOWLEDGE, WAIT = Verdict.REPORT, Verdict.ACKNOWLEDGE, Verdict.WAIT


def message(mid: int, payload: bytes = b"x", qos: int = 1, again: bool = False) -> Message:
    return Message("t", payload, qos, False, mid, (), again)


def test_what_is_taken_on_the_connection_it_came_on_is_acknowledged_there() -> None:
    receipts = Receipts()
    receipts.begin(False)
    one = message(1)
    assert receipts.arrived(one) is REPORT
    assert receipts.taken(one)
    assert not receipts.taken(one), "once"


def test_what_is_taken_between_two_connections_is_acknowledged_when_it_comes_again() -> None:
    receipts = Receipts()
    receipts.begin(False)
    one, two = message(1), message(2)
    receipts.arrived(one)
    receipts.arrived(two)
    receipts.away()
    assert not receipts.taken(one)
    receipts.begin(True)
    assert receipts.arrived(message(1, again=True)) is ACKNOWLEDGE
    assert receipts.arrived(message(2, again=True)) is WAIT
    assert receipts.taken(two)


def test_a_server_that_has_forgotten_the_session_begins_anew() -> None:
    receipts = Receipts()
    receipts.begin(False)
    one = message(1)
    receipts.arrived(one)
    receipts.begin(False)
    assert not receipts.taken(one), "its number means another message now"
    assert receipts.arrived(message(1, again=True)) is REPORT


def test_a_number_that_comes_with_another_message_is_another_message() -> None:
    receipts = Receipts()
    receipts.begin(False)
    receipts.arrived(message(1))
    receipts.away()
    receipts.begin(True)
    assert receipts.arrived(message(1, b"y", again=True)) is REPORT
    assert receipts.arrived(message(1, b"y")) is REPORT, "without the flag it is a new one"


def test_at_qos_2_the_number_is_known_until_the_server_lets_go_of_it() -> None:
    receipts = Receipts()
    receipts.begin(False)
    one = message(7, qos=2)
    assert receipts.arrived(one) is REPORT
    assert receipts.taken(one)
    receipts.away()  # PUBREC was lost
    receipts.begin(True)
    assert receipts.arrived(message(7, qos=2, again=True)) is ACKNOWLEDGE
    receipts.released(7)
    assert receipts.arrived(message(7, qos=2)) is REPORT
