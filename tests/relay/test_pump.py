"""Which message goes where and when again: histories that nobody would think of, without any broker."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redundancy.relay.arrivals import Stream
from redundancy.relay.envelope import Envelope
from redundancy.relay.pump import Pump, PumpSettings

STEP = 0.05


@dataclass
class World:
    """Two servers that die, freeze, forget and refuse to talk, and a receiver behind them."""

    seed: int
    both: bool
    receipts: bool = True
    count: int = 150
    now: float = 0.0
    out: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.pump = Pump(2, PumpSettings(both=self.both, receipts=self.receipts, hold_off=1.0), 1, 0)
        self.stream: Stream[int] = Stream(0)
        self.up = [False, False]
        self.frozen = [False, False]
        self.deaf = [False, False]  # the receiver is not there
        self.queues: list[deque[int]] = [deque(), deque()]
        self.acks: list[deque[int]] = [deque(), deque()]
        self.mid = 0
        self.sends = 0

    def step(self, trouble: bool) -> None:
        self.now += STEP
        for server in (0, 1):
            if trouble:
                self.upset(server)
            elif not self.up[server]:
                self.open(server)
            if not self.frozen[server]:
                self.work(server)
        if self.pump.top < self.count:
            self.pump.appended(min(self.count, self.pump.top + self.chance.randint(0, 6)))
        for server in self.pump.overdue(self.now):
            self.lose(server)
        for server, numbers in self.pump.batches(self.now):
            for number in numbers:
                self.hand_over(server, number)

    def upset(self, server: int) -> None:
        what = self.chance.random()
        if what < 0.04 and self.up[server]:
            self.lose(server)
            self.queues[server].clear()  # it was killed, and keeps nothing
        elif what < 0.10 and not self.up[server] and not self.frozen[server]:
            self.open(server)
        elif what < 0.13:
            self.frozen[server] = not self.frozen[server]
        elif what < 0.16:
            self.deaf[server] = not self.deaf[server]
        elif what < 0.20 and self.queues[server]:
            self.queues[server].popleft()  # dropped on the way, although it was acknowledged

    def heal(self) -> None:
        self.frozen = [False, False]
        self.deaf = [False, False]

    def open(self, server: int) -> None:
        self.up[server] = True
        self.acks[server].clear()
        self.pump.opened(server, self.now, self.chance.choice([5, 65535]))

    def lose(self, server: int) -> None:
        self.up[server] = False
        self.pump.lost(server, self.now)

    def work(self, server: int) -> None:
        for _ in range(self.chance.randint(0, 8)):
            if self.up[server] and self.acks[server]:
                self.pump.acked(server, self.acks[server].popleft(), 0, self.now)
        came = False
        while self.queues[server] and not self.deaf[server] and self.chance.random() < 0.9:
            number = self.queues[server].popleft()
            told = Envelope("0" * 32, number, min(self.pump.floor, number), self.receipts, 0)
            self.out += self.stream.offer(told, number, self.now)[1]
            came = True
        if came:
            for each in (0, 1):
                if self.up[each] and not self.frozen[each] and not self.deaf[each]:
                    self.pump.receipt(each, self.stream.through, len(self.stream.held), self.now)

    def hand_over(self, server: int, number: int) -> None:
        self.mid += 1
        self.sends += 1
        self.pump.sent(server, number, self.mid, self.now)
        self.queues[server].append(number)
        self.acks[server].append(self.mid)


@pytest.mark.parametrize("both", [False, True])
@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_every_message_arrives_once_and_in_order_whatever_servers_do(both: bool, seed: int) -> None:
    world = World(seed, both)
    for _ in range(400):
        world.step(trouble=True)
    world.heal()
    for _ in range(4000):
        world.step(trouble=False)
        if world.pump.empty and world.pump.top == world.count:
            break
    assert world.out == list(range(1, world.count + 1))
    assert world.pump.empty
    assert world.stream.skipped == 0


@given(seed=st.integers(0, 2**32))
def test_without_receipts_a_message_stays_until_a_server_has_acknowledged_it(seed: int) -> None:
    world = World(seed, both=False, receipts=False)
    for _ in range(200):
        world.step(trouble=True)
        assert world.pump.floor <= world.pump.top + 1
    world.heal()
    for _ in range(2000):
        world.step(trouble=False)
    assert world.pump.empty


def pump(**changes: object) -> Pump:
    made = Pump(2, PumpSettings(hold_off=5.0, **changes), 1, 10)  # type: ignore[arg-type]
    made.opened(0, 0.0)
    made.opened(1, 0.0)
    return made


def send(one: Pump, now: float) -> list[tuple[int, int]]:
    sent = [(server, n) for server, numbers in one.batches(now) for n in numbers]
    for server, number in sent:
        one.sent(server, number, 1000 * (server + 1) + number, now)
    return sent


def test_the_primary_carries_everything_and_the_backup_only_what_has_no_receipt() -> None:
    one = pump()
    assert send(one, 0.0) == [(0, n) for n in range(1, 11)]
    one.receipt(0, 4, 0, 0.1)
    one.lost(0, 0.2)
    assert send(one, 0.2) == [(1, n) for n in range(5, 11)]
    assert (one.changes, one.resent) == (1, 6)


def test_it_goes_back_only_when_the_primary_was_there_for_the_hold_off() -> None:
    one = pump()
    one.lost(0, 1.0)
    one.opened(0, 2.0)
    one.batches(6.9)
    assert one.target == 1
    one.batches(7.0)
    assert one.target == 0


def test_at_the_start_the_backup_waits_until_the_primary_has_had_its_chance() -> None:
    one = Pump(2, PumpSettings(), 1, 3)
    one.opened(1, 0.0)
    assert send(one, 0.0) == []
    one.lost(0, 0.5)
    assert [server for server, _ in send(one, 0.5)] == [1, 1, 1]


def test_a_server_that_does_not_acknowledge_is_cut_off_after_the_time_for_it() -> None:
    one = pump(ack_timeout=1.5)
    send(one, 0.0)
    assert one.overdue(1.4) == []
    assert one.overdue(1.5) == [0]


def test_a_server_through_which_no_receipt_comes_back_is_left_for_another() -> None:
    one = pump(ack_timeout=100.0, receipt_timeout=3.0)
    send(one, 0.0)
    one.overdue(3.0)
    assert one.target == 1
    assert send(one, 3.0)[0] == (1, 1)


def test_a_receiver_that_is_away_costs_a_few_messages_and_not_the_whole_outbox() -> None:
    one = Pump(1, PumpSettings(probe=20), 1, 100_000)
    one.opened(0, 0.0)
    sends = 0
    for tick in range(1200):
        now = tick * STEP
        for number in (n for _, numbers in one.batches(now) for n in numbers):
            one.sent(0, number, tick * 1000 + number, now)
            one.acked(0, tick * 1000 + number, 0, now)
            sends += 1
        one.overdue(now)
    assert 20 <= sends <= 200


def test_no_more_is_unacknowledged_than_the_server_takes() -> None:
    one = Pump(1, PumpSettings(receipts=False, window=100), 1, 1000)
    one.opened(0, 0.0, receive_maximum=7)
    assert len(send(one, 0.0)) == 7
    one.acked(0, 1001, 0, 0.1)
    assert send(one, 0.1) == [(0, 8)]


def test_a_refused_message_is_put_aside_once_and_not_sent_again() -> None:
    one = pump()
    send(one, 0.0)
    assert one.acked(0, 1003, 0x87, 0.1) == 3
    one.receipt(0, 2, 1, 0.2)
    assert one.floor == 4
    one.lost(0, 0.3)
    assert (1, 3) not in send(one, 0.3)


def test_with_two_servers_at_once_a_refusal_counts_when_both_have_refused() -> None:
    one = pump(both=True)
    send(one, 0.0)
    assert one.acked(0, 1003, 0x87, 0.1) is None
    assert one.acked(1, 2003, 0x87, 0.1) == 3


def test_a_receipt_for_what_was_never_sent_is_not_believed() -> None:
    one = pump()
    one.receipt(0, 11, 0, 0.0)
    assert one.floor == 1
