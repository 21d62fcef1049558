"""Commands on their way to an edge node, and the echoes that tell what became of them.

An order is confirmed only by the edge: by DATA of the same metric with the value that was asked for, or by
a birth with it, which is how an edge answers that was asked to be reborn meanwhile. When no such echo
comes, nobody knows whether the edge acted, and that is what the operator is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from redundancy.ports import Answer, Outcome
from sparkplug import EdgeNodeId, Metric, Template, Value

MetricKey = tuple[EdgeNodeId, str | None, str]
"""Edge node, device (None: the node's own), metric name."""


@dataclass(slots=True, eq=False)
class Order:
    """One command that has been sent. `value` is as the edge's data type holds it."""

    key: MetricKey
    value: Value
    answer: asyncio.Future[Outcome]


class Commands:
    """The orders that wait for their echo."""

    def __init__(self, changed: Callable[[Iterable[tuple[MetricKey, Value]]], None]) -> None:
        """`changed` hears of all that wait, once a turn of the loop in which that has changed."""
        self._changed = changed
        self._telling = False
        self._waiting: dict[MetricKey, list[Order]] = {}

    def place(self, key: MetricKey, value: Value) -> Order:
        """Wait for the echo of `value` from now on; call it before the command leaves."""
        order = Order(key, value, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(key, []).append(order)
        self._tell_soon()
        return order

    async def outcome(self, order: Order, patience: float) -> Outcome:
        """The order's outcome: its echo, what ended the wait, or unknown after `patience` seconds."""
        try:
            async with asyncio.timeout(patience):
                return await order.answer
        except TimeoutError:
            return Outcome(Answer.UNKNOWN, f"no echo within {patience:g} s")
        finally:
            self.withdraw(order)

    def withdraw(self, order: Order) -> None:
        """Nobody waits for this one any more."""
        orders = self._waiting.get(order.key, [])
        if order in orders:
            orders.remove(order)
        if not orders:
            self._waiting.pop(order.key, None)
        self._tell_soon()

    def _tell_soon(self) -> None:
        if not self._telling:
            self._telling = True
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        self._telling = False
        self._changed((key, order.value) for key, orders in self._waiting.items() for order in orders)

    def echo(self, edge: EdgeNodeId, device: str | None, metrics: Iterable[Metric]) -> None:
        """DATA, or a birth, has come from the edge."""
        if not self._waiting:
            return
        for metric in metrics:
            if metric.is_historical or metric.name is None:
                continue
            for order in self._waiting.get((edge, device, metric.name), []):
                if same(order.value, metric.value) and not order.answer.done():
                    order.answer.set_result(Outcome(Answer.CONFIRMED))

    def give_up(self, why: str, edge: EdgeNodeId | None = None) -> None:
        """No echo can be waited for any longer: from that edge, or from all."""
        for (node, _, _), orders in self._waiting.items():
            if edge is None or node == edge:
                for order in orders:
                    if not order.answer.done():
                        order.answer.set_result(Outcome(Answer.UNKNOWN, why))


def same(asked: object, told: object) -> bool:
    """Whether an echo carries what was asked for. Both are as the metric's data type holds them."""
    if isinstance(asked, Template) and isinstance(told, Template):
        # Only the members that were to be written; the echo may carry more.
        members = {member.name: member.value for member in told.metrics}
        return asked.reference == told.reference and all(
            one.name in members and same(one.value, members[one.name]) for one in asked.metrics
        )
    if isinstance(asked, tuple) and isinstance(told, tuple):
        return len(asked) == len(told) and all(map(same, asked, told))
    if isinstance(asked, bool) != isinstance(told, bool):
        return False
    return asked == told or (asked != asked and told != told)  # NaN echoes NaN
