"""What people ask of the pair: a failover, maintenance. The pair decides; here they wait for its answer."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable

from redundancy.core.actions import FailoverAnswer
from redundancy.core.events import Event, FailoverAsked, MaintenanceAsked
from redundancy.ports import Refused
from redundancy.replication.ledger import MAINTENANCE, Ledger

ANSWER_PATIENCE = 2.0
"""Seconds to wait for the active node's answer to a wish."""


class Wishes:
    """Of one node. `feed` hands an event to the pair, `asked` tells that a changeover is wanted from now on,
    `active_node` names who acts ("" for nobody known)."""

    def __init__(
        self,
        node: str,
        ledger: Ledger,
        feed: Callable[[Event], None],
        asked: Callable[[str], None],
        active_node: Callable[[], str],
    ) -> None:
        self._node = node
        self._ledger = ledger
        self._feed = feed
        self._asked = asked
        self._active_node = active_node
        self._answers: dict[str, asyncio.Future[FailoverAnswer]] = {}

    async def failover(self, reason: str, by: str, *, even_if_silent: bool = False) -> str:
        """See Runtime.failover."""
        request = uuid.uuid4().hex
        answer: asyncio.Future[FailoverAnswer] = asyncio.get_running_loop().create_future()
        self._answers[request] = answer
        self._asked(request)
        self._feed(FailoverAsked(by, reason, request, even_if_silent))
        try:
            async with asyncio.timeout(ANSWER_PATIENCE):
                said = await answer
        except TimeoutError:
            raise Refused("the active node does not answer", self._active_node()) from None
        finally:
            del self._answers[request]
        if not said.accepted:
            raise Refused(said.reason, self._active_node())
        return request

    def answered(self, said: FailoverAnswer) -> None:
        """The pair has answered a wish, perhaps one of this node's people."""
        answer = self._answers.get(said.request)
        if answer is not None and not answer.done():
            answer.set_result(said)

    def maintenance(self, on: bool, by: str, reason: str = "") -> None:
        """See Runtime.maintenance."""
        body = json.dumps({"by": by, "reason": reason}).encode() if on else b""
        self._ledger.note(MAINTENANCE, self._node, body)
        self._feed(MaintenanceAsked(on, _words(by, reason)))

    def remembered(self) -> None:
        """A maintenance that was begun before this process was started goes on."""
        body = self._ledger.get(MAINTENANCE, self._node)
        if body is None:
            return
        try:
            said = json.loads(body)
            words = _words(str(said["by"]), str(said["reason"]))
        except (ValueError, LookupError, TypeError):
            words = "somebody"  # the record came over the link; that it is there is all that counts
        self._feed(MaintenanceAsked(True, words))


def _words(by: str, reason: str) -> str:
    return f"{by}: {reason}" if reason else by
