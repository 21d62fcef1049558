"""A voter: promises the role to one candidate at a time. Used by both nodes and by the witness.

The rule, from which everything follows (L is the lease):

    grant iff (epoch > promised and (no live grant or it is the same holder's))
           or (epoch == promised and the same holder asks)
    a grant lives L from when it was given, by the voter's clock
    the promise is on disk before the grant leaves
    the asker's lease is not longer than L
    after a restart: nobody for L (a grant given before may still live), unless nothing was ever granted
"""

from __future__ import annotations

from dataclasses import replace

from redundancy.core.actions import Persist, Promise
from redundancy.core.messages import Grant, Message, Refuse, Release, Request

__all__ = ["Promise", "Voter"]


class Voter:
    """One vote of one pair. `handle` answers a request; what it returns to persist goes to disk first."""

    def __init__(self, lease: float, promise: Promise, restarted_at: float) -> None:
        self.lease = lease
        self.promise = promise
        self.unsaved = False
        self._until = restarted_at
        self._released = ("", 0)
        self._waits_until = restarted_at + lease if promise.epoch else restarted_at

    def handle(self, sender: str, message: Message, now: float) -> tuple[list[Message], Persist | None]:
        """Answers for `sender`, and the Persist that must succeed before they are sent."""
        if isinstance(message, Release):
            self._release(sender, message.epoch)
            return [], None
        if not isinstance(message, Request):
            return [], None
        if self._too_short(message) or not self._grants(sender, message.epoch, now):
            return [self._refusal(message, now)], None
        return [Grant(message.boot, message.epoch, message.attempt)], self._give(sender, message.epoch, now)

    def rest(self, now: float) -> float:
        """Seconds until this voter would listen to another candidate; 0 when it is free."""
        return max(0.0, self._until - now, self._waits_until - now)

    def waits(self, now: float) -> bool:
        """Still in the silence after a restart."""
        return now < self._waits_until

    def holder(self, now: float) -> str:
        """Whose live grant this is; "" if none."""
        return self.promise.holder if now < self._until else ""

    def owned(self, epoch: int) -> Persist | None:
        """Note that this voter's own node now holds `epoch`; None if that is on disk already."""
        if epoch <= self.promise.last_own and not self.unsaved:
            return None
        self.promise = replace(self.promise, last_own=max(epoch, self.promise.last_own))
        return self._save()

    def not_saved(self) -> None:
        """The last Persist failed: the next grant must be written again, even a renewal."""
        self.unsaved = True

    def _too_short(self, request: Request) -> bool:
        return request.lease > self.lease * 1.000001

    def _grants(self, sender: str, epoch: int, now: float) -> bool:
        # A request that its own release has overtaken must not lock the vote again.
        if self.waits(now) or (sender == self._released[0] and epoch <= self._released[1]):
            return False
        same = sender == self.promise.holder
        if epoch == self.promise.epoch:
            return same
        return epoch > self.promise.epoch and (same or now >= self._until)

    def _give(self, sender: str, epoch: int, now: float) -> Persist | None:
        renewal = (epoch, sender) == (self.promise.epoch, self.promise.holder) and not self.unsaved
        self._until = now + self.lease
        if renewal:
            return None
        self.promise = replace(self.promise, epoch=epoch, holder=sender)
        return self._save()

    def _save(self) -> Persist:
        self.unsaved = False
        return Persist(self.promise)

    def _release(self, sender: str, epoch: int) -> None:
        if sender == self.promise.holder and epoch >= self.promise.epoch:
            self._released = (sender, epoch)
            self._until = 0.0

    def _refusal(self, request: Request, now: float) -> Refuse:
        return Refuse(
            request.boot,
            request.epoch,
            request.attempt,
            promised=self.promise.epoch,
            holder=self.promise.holder,
            rest=self.rest(now),
            waiting=self.waits(now),
            lease=self.lease if self._too_short(request) else 0.0,
        )
