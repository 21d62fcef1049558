"""A seeded world for the real core: two nodes, a witness, clocks that differ, a network that loses.

Everything that `random` decides comes from one seed, so a history that fails can be played again:
`World(seed, trace=True)`. `Broken` breaks one rule on purpose, to see that the world notices.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

from redundancy.core import actions as act
from redundancy.core import events as ev
from redundancy.core.messages import WITNESS, Message
from redundancy.core.peer import config_order
from redundancy.core.view import State
from tests.redundancy.core.machines import (
    FASTEST,
    NODES,
    SLOWEST,
    Broken,
    Machine,
    Plan,
)
from tests.redundancy.core.watch import Violation, Watch


class World(Watch):
    """`plan` says what it is like, `broken` which rule is taken out, `trace` to tell every message."""

    def __init__(
        self, seed: int, plan: Plan | None = None, broken: Broken | None = None, trace: bool = False
    ) -> None:
        super().__init__(seed, plan or Plan(), trace)
        self.broken = broken or Broken()
        self.random = random.Random(seed)
        self.cut: set[tuple[str, str]] = set()
        self.loss = self.plan.loss
        self.activations: list[tuple[float, str, int, act.Activate]] = []
        self.standdowns: list[tuple[float, str, act.StandDown]] = []
        self.answers: list[tuple[str, act.FailoverAnswer]] = []
        self.notes: list[tuple[str, str]] = []
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()
        names = (*NODES, WITNESS) if self.plan.witness else NODES
        slow = self.random.choice(names)
        self.machines = {name: self._machine(name, slow) for name in names}

    def _machine(self, name: str, slow: str) -> Machine:
        rate = {
            "same": 1.0,
            "mixed": self.random.choice((SLOWEST, 1.0, FASTEST)),
            "apart": SLOWEST if name == slow else FASTEST,
        }[self.plan.clocks]
        return Machine(name, rate, self.random.uniform(0, 1000))

    # --- time

    def at(self, t: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (max(t, self.t), next(self._number), what))

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        self.at(self.t + seconds, what)

    def run(self, until: float) -> None:
        while self._queue and self._queue[0][0] <= until:
            self.t, _, what = heapq.heappop(self._queue)
            what()
        self.t = until

    def run_until(self, condition: Callable[[], bool], limit: float) -> bool:
        """Play on until the condition holds; False if it does not within `limit` seconds."""
        end = self.t + limit
        while not condition():
            if not self._queue or self._queue[0][0] > end:
                self.t = end
                return condition()
            self.t, _, what = heapq.heappop(self._queue)
            what()
        return True

    # --- processes

    def start(self, name: str) -> None:
        machine = self.machines[name]
        if machine.up:
            return
        machine.boots += 1
        machine.asleep = machine.writing = machine.ended = False
        machine.acting, machine.held = 0, False
        machine.inbox.clear()
        self.say(f"{name} starts (boot {machine.boots}, {machine.promise})")
        now = machine.clock(self.t)
        if name == WITNESS:
            machine.voter = self.broken.voter(self.plan.lease, machine.promise, now)
        else:
            machine.pair = self.broken.pair(
                machine.settings(self.plan, self.seed, self.broken.rho), machine.promise, now
            )
            if (
                not self.broken.durable and machine.boots > 1
            ):  # forgets what it promised, not that it must wait
                machine.pair._s.term.voter._waits_until = now + self.plan.lease
            self.feed(name, ev.Tick())
            if machine.config:
                self.configure(name, machine.config)
        for other in self.machines:
            if other != name and self.machines[other].up:
                self.link(name, other, True)
                self.link(other, name, True)

    def start_all(self) -> None:
        for name in self.machines:
            self.start(name)

    def configure(self, name: str, version: str) -> None:
        """The node has this configuration on its disk now."""
        self.machines[name].config = version
        self.feed(name, ev.ConfigKnown(version))

    def crash(self, name: str) -> None:
        machine = self.machines[name]
        if not machine.up:
            return
        self.say(f"{name} crashes")
        machine.pair = machine.voter = None
        machine.inbox.clear()
        machine.acting, machine.held = 0, False
        machine.wake += 1
        if not self.broken.durable:
            machine.promise = act.Promise()
        for other in self.machines:
            if other != name and self.random.random() < 0.5:
                self.after(0.001, lambda other=other: self.link(other, name, False))

    def sleep(self, name: str) -> None:
        if self.machines[name].up and not self.machines[name].asleep:
            self.say(f"{name} is stopped")
            self.machines[name].asleep = True

    def awake(self, name: str) -> None:
        machine = self.machines[name]
        if machine.asleep:
            self.say(f"{name} goes on")
            machine.asleep = False
            self._drain(machine)
            if name != WITNESS:
                self.feed(name, ev.Tick())

    def link(self, name: str, other: str, up: bool) -> None:
        """Tell `name` that its link to `other` stands, or is gone (which may be a lie: a mere reset)."""
        machine = self.machines[name]
        if machine.pair is not None:
            self.feed(name, ev.LinkUp(other) if up else ev.LinkDown(other, "reset"))
        if self.broken.reset_frees and not up and machine.up:
            voter = machine.voter or machine.pair._s.term.voter  # type: ignore[union-attr]
            if voter.promise.holder == other:
                voter._until = 0.0
            if machine.pair is not None and machine.pair._s.peer and other != WITNESS:
                machine.pair._s.peer.lease_until = 0.0

    def reset(self, one: str, other: str) -> None:
        """Both ends see their connection break and come back, while both live."""
        self.link(one, other, False)
        self.link(other, one, False)
        self.after(0.3, lambda: self.link(one, other, True))
        self.after(0.3, lambda: self.link(other, one, True))

    def feed(self, name: str, event: ev.Event) -> None:
        self._give(self.machines[name], event)

    def _give(self, machine: Machine, item: Any) -> None:
        if not machine.up:
            return
        if machine.asleep or machine.writing:
            if not isinstance(item, ev.Tick):
                machine.inbox.append(item)
            return
        if machine.voter is not None:
            self._vote(machine, *item)
        else:
            self._handle(machine, item)

    def _drain(self, machine: Machine) -> None:
        while machine.inbox and machine.up and not (machine.asleep or machine.writing):
            self._give(machine, machine.inbox.popleft())

    def _handle(self, machine: Machine, event: ev.Event) -> None:
        pair = machine.pair
        assert pair is not None
        now = machine.clock(self.t)
        if self.trace and not isinstance(event, ev.Tick):
            self.say(f"{machine.name} <- {event}")
        orders = pair.handle(event, now)
        self._check_order(machine, orders)
        self._check_holders()
        self._perform(machine, deque(orders), machine.boots)
        if machine.pair is pair and not machine.ended:
            self._set_alarm(machine)

    def _set_alarm(self, machine: Machine) -> None:
        assert machine.pair is not None
        deadline = machine.pair.deadline()
        now = machine.clock(self.t)
        if deadline <= now:
            raise Violation(f"seed {self.seed}: {machine.name} asks to be woken in the past")
        machine.wake += 1
        if deadline == float("inf"):
            return
        wake = machine.wake
        due = self.t + (deadline - now) / machine.rate + 1e-7
        self.at(due, lambda: self._give(machine, ev.Tick()) if machine.wake == wake else None)

    # --- what a shell does

    def _perform(self, machine: Machine, orders: deque[act.Action], boot: int) -> None:
        while orders and machine.up and machine.boots == boot:
            order = orders.popleft()
            if isinstance(order, act.Persist):
                if not self._persist(machine, order, orders, boot):
                    return
            else:
                self._do(machine, order)

    def _persist(self, machine: Machine, order: act.Persist, rest: deque[act.Action], boot: int) -> bool:
        """False: the rest of the list is dropped, or comes later."""
        fate = self.random.random() if self.plan.disk else 0.5
        if machine.disk_fails:
            self.say(f"{machine.name} cannot write {order.promise}")
            self._handle(machine, ev.PersistFailed("no space left"))
            return False
        if fate < 0.01:
            self.crash(machine.name)  # before it was written
            self.after(self.random.uniform(0.1, 3), lambda: self.start(machine.name))
            return False
        if self.broken.durable:
            machine.promise = order.promise
        self._saved(machine, order.promise.last_own)
        if fate < 0.02:
            self.crash(machine.name)  # written, but nobody hears of it
            self.after(self.random.uniform(0.1, 3), lambda: self.start(machine.name))
            return False
        if fate < 0.9:
            return True
        machine.writing = True
        slow = self.random.uniform(0.5, 3) if fate > 0.99 else self.random.uniform(0.001, 0.03)
        self.after(slow, lambda: self._written(machine, rest, boot))
        return False

    def _written(self, machine: Machine, rest: deque[act.Action], boot: int) -> None:
        if machine.boots != boot or not machine.up:
            return
        if machine.asleep:
            self.after(0.05, lambda: self._written(machine, rest, boot))
            return
        machine.writing = False
        self._perform(machine, rest, boot)
        self._drain(machine)
        self.feed(machine.name, ev.Tick())

    def _do(self, machine: Machine, order: act.Action) -> None:
        if isinstance(order, act.Send):
            self.send(machine.name, order.to, order.message)
            return
        self.say(f"{machine.name} -> {order}")
        if isinstance(order, act.Activate):
            self._activated(machine, order)
        elif isinstance(order, act.StandDown):
            self._stood_down(machine, order)
        elif isinstance(order, act.LetGo):
            machine.held = False
        elif isinstance(order, act.FailoverAnswer):
            self.answers.append((machine.name, order))
        elif isinstance(order, act.Note):
            self.notes.append((machine.name, order.sentence))
        elif isinstance(order, act.Stopped):
            machine.ended = True
            machine.pair, machine.acting, machine.held = None, 0, False
            machine.wake += 1

    def _activated(self, machine: Machine, order: act.Activate) -> None:
        assert machine.pair is not None
        if machine.pair.holds(machine.clock(self.t)):  # else a slow disk has eaten the lease: nothing follows
            self._own(machine, order.epoch)
        self.activations.append((self.t, machine.name, order.epoch, order))
        machine.acting, machine.held = order.epoch, False
        boot = machine.boots
        wait = self.random.uniform(*self.plan.taking_over)
        self.after(wait, lambda: self.feed(machine.name, ev.TookOver()) if machine.boots == boot else None)

    def _stood_down(self, machine: Machine, order: act.StandDown) -> None:
        self.standdowns.append((self.t, machine.name, order))
        machine.acting = 0
        machine.held = order.planned
        boot = machine.boots
        wait = self.random.uniform(*self.plan.standing_down)
        self.after(wait, lambda: self.feed(machine.name, ev.StoodDown()) if machine.boots == boot else None)

    # --- the witness and the network

    def _vote(self, machine: Machine, sender: str, message: Message) -> None:
        assert machine.voter is not None
        if self.trace:
            self.say(f"{machine.name} <- {sender}: {message}")
        replies, persist = machine.voter.handle(sender, message, machine.clock(self.t))
        if persist is not None:
            if machine.disk_fails:
                machine.voter.not_saved()
                return
            if self.plan.disk and self.random.random() < 0.01:
                self.crash(WITNESS)
                self.after(self.random.uniform(0.1, 3), lambda: self.start(WITNESS))
                return
            if self.broken.durable:
                machine.promise = persist.promise
        for reply in replies:
            self.send(WITNESS, sender, reply)

    def send(self, source: str, to: str, message: Message) -> None:
        plan, draw = self.plan, self.random.random
        if self.trace:
            self.say(f"{source} => {to}: {message}")
        for _ in range(2 if draw() < plan.copies else 1):
            if (source, to) in self.cut or draw() < self.loss:
                continue
            delay = self.random.uniform(*plan.delay)
            if draw() < plan.late:
                delay += self.random.uniform(0, plan.lease)
            self.after(delay, lambda: self._arrive(source, to, message))

    def _arrive(self, source: str, to: str, message: Message) -> None:
        if (source, to) in self.cut or to not in self.machines:
            return
        machine = self.machines[to]
        self._give(machine, (source, message) if to == WITNESS else ev.Received(source, message))

    # --- healing

    def heal(self) -> None:
        """Everything works again; whoever is down starts."""
        self.say("healed")
        newest = max((self.machines[name].config for name in NODES), key=config_order)
        self.cut.clear()
        self.loss = 0.0
        for name, machine in self.machines.items():
            machine.disk_fails = False
            self.awake(name)
            self.start(name)
            if name != WITNESS:
                self.configure(name, newest)
                self.feed(name, ev.MaintenanceAsked(False))
                self.feed(name, ev.Healthy(True))
        for one in self.machines:
            for other in self.machines:
                if one != other:
                    self.link(one, other, True)

    def settled(self) -> bool:
        """Exactly one acts, the other stands by, nobody waits for anything."""
        if len(self.active()) != 1:
            return False
        views = [m.pair.view(m.clock(self.t)) for m in self.machines.values() if m.pair is not None]
        states = sorted(view.state for view in views)
        return states == [State.ACTIVE, State.STANDBY] and not any(view.switch_pending for view in views)
