"""The holder's side of a lease: what the votes it was given are still worth.

A grant counts until t_SEND + L x (1 - rho), where t_SEND is when this node *asked*, by its own clock.
The voter starts its L later than that (the request must travel first) and by a clock that may run up
to rho faster, so the holder always gives up before the voter listens to anybody else. The moment the
answer arrives plays no part: an answer may lie in a buffer while this process is stopped.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Granted:
    """One voter's vote: the epoch it was given for, and until when to count on it (mono)."""

    epoch: int
    until: float


class Lease:
    """Votes for one node. `term` is L x (1 - rho) in seconds; `asking` the epoch asked for (0 = none)."""

    def __init__(self, term: float) -> None:
        self.term = term
        self.asking = 0
        self._attempt = 0
        self._asked: dict[int, float] = {}
        self._grants: dict[str, Granted] = {}
        self.round_trips: dict[str, float] = {}
        """Voter -> seconds from the latest question to its answer; for people, nothing is decided by it."""

    def ask(self, epoch: int, now: float) -> int:
        """A round of requests leaves now; its number comes back with the answers."""
        self.asking = epoch
        self._attempt += 1
        self._asked = {attempt: at for attempt, at in self._asked.items() if now < at + self.term}
        self._asked[self._attempt] = now
        return self._attempt

    def asked(self, attempt: int) -> bool:
        """Whether an answer to this attempt is still of use."""
        return attempt in self._asked

    def grant(self, voter: str, epoch: int, attempt: int, now: float) -> bool:
        """A vote has come in; False when it answers nothing that was asked lately."""
        asked_at = self._asked.get(attempt)
        if asked_at is None or epoch != self.asking:
            return False
        until = self._counts_until(asked_at, now)
        if until <= now:
            return False
        self.round_trips[voter] = now - asked_at
        old = self._grants.get(voter)
        self._grants[voter] = Granted(epoch, until if old is None else max(until, old.until))
        return True

    def refuse(self) -> None:
        """The epoch asked for is taken: ask for another. Votes for older ones stay good until they end."""
        self.asking = 0

    def withdraw(self, voter: str) -> None:
        """This voter's vote must not be counted on (it could not be written to disk)."""
        self._grants.pop(voter, None)

    def drop(self) -> None:
        """Forget every vote and every question: late answers count for nothing."""
        self.asking = 0
        self._asked.clear()
        self._grants.clear()

    def until(self, quorum: int) -> float:
        """When the majority ends, if nothing is renewed; 0 when there is none.

        Votes for different epochs of this node count together: each of them keeps others out.
        """
        ends = sorted((granted.until for granted in self._grants.values()), reverse=True)
        return ends[quorum - 1] if len(ends) >= quorum else 0.0

    def reached(self, quorum: int, now: float) -> bool:
        """Whether a majority has voted for the very epoch asked for: only then has it one owner."""
        if not self.asking:
            return False
        votes = [g for g in self._grants.values() if g.epoch == self.asking and now < g.until]
        return len(votes) >= quorum

    def voters(self, now: float) -> list[str]:
        """Who votes for this node now, in name order."""
        return sorted(voter for voter, granted in self._grants.items() if now < granted.until)

    def _counts_until(self, asked_at: float, now: float) -> float:
        del now  # the moment of receipt proves nothing
        return asked_at + self.term
