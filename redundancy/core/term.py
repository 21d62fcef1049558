"""A node's term of office: asked for, held, renewed, lost or given back.

Three parts meet here and nowhere else: the node's own vote (Voter), the votes it was given (Lease),
and the numbers that are taken. Two rules keep the numbers honest:

- A candidate casts its own vote last, when another voter has granted. A campaign that cannot win
  then leaves no promise behind that would lock this node's vote against the real holder. Only a named
  successor votes for itself at once: the holder has given the role back, and its disk need not wait for
  the others' disks.
- A holder that finds a voter promised to a higher number asks for the next number in place. The role
  does not move; the vote comes back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from redundancy.config import Role
from redundancy.core.actions import Action, Persist, Promise, Send
from redundancy.core.lease import Lease
from redundancy.core.messages import Grant, Message, Refuse, Release, Request
from redundancy.core.settings import PairSettings
from redundancy.core.voter import Voter

RETRY = 0.02
"""Soonest second question after a refusal, in seconds."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Why a role is moved: who wants it, the reason given, and the id of the wish ("" for none)."""

    by: str = ""
    reason: str = ""
    request: str = ""

    def __str__(self) -> str:
        return f"asked for by {self.by}: {self.reason}" if self.reason else f"asked for by {self.by}"


NOBODY = Wish()


class Term:
    """`epoch` is the term held (0 = none); `taken` the highest number known to be somebody's."""

    voter_type: type[Voter] = Voter
    lease_type: type[Lease] = Lease

    def __init__(self, settings: PairSettings, promise: Promise, now: float) -> None:
        self.settings = settings
        self.voter = self.voter_type(settings.lease, promise, now)
        self.lease = self.lease_type(settings.term)
        self.epoch = 0
        self.taken = max(promise.epoch, promise.last_own)
        self.solo = False
        self.leap = 0
        """Added to the next number that is asked for."""
        self.ask_at = math.inf
        self.foreign = ""
        self.foreign_until = 0.0
        self.peer_waits_until = 0.0
        self.short_lease: dict[str, float] = {}
        """Voters whose own lease (seconds) is too short for this pair's."""

    @property
    def quorum(self) -> int:
        """Two votes; one for a node that acts alone."""
        return 1 if self.solo or not self.settings.others else 2

    @property
    def until(self) -> float:
        """When the majority ends unless renewed (mono)."""
        return self.lease.until(self.quorum)

    def held(self, now: float) -> bool:
        """A majority votes for this node now."""
        return now < self.until

    def alone(self, now: float) -> bool:
        """Holds the role on its own vote, while a peer that cannot be heard may do the same."""
        return self.solo and self.settings.peer not in self.lease.voters(now)

    # --- asking

    def ask(self, now: float, *, called: bool = False) -> list[Action]:
        """One round of questions to every voter, for a campaign or to renew; `called` by the old holder."""
        epoch = self.lease.asking or self._next()
        attempt = self.lease.ask(epoch, now)
        self.ask_at = now + self.settings.renew
        actions: list[Action] = []
        if self.epoch or self.quorum == 1:
            actions += self._vote_for_self(attempt, now)
        actions += self.to_others(self._request(attempt))
        # Behind the questions: they travel, and the others write, while this node does.
        return [*actions, *self._vote_for_self(attempt, now)] if called and not self.epoch else actions

    def granted(self, voter: str, grant: Grant, now: float) -> list[Action]:
        """A vote has come in; the first one brings this node's own."""
        if grant.boot != self.settings.boot or not self.lease.grant(voter, grant.epoch, grant.attempt, now):
            return []
        self.short_lease.pop(voter, None)
        if voter == self.settings.peer:
            self.peer_waits_until = 0.0
        return self._vote_for_self(grant.attempt, now)

    def refused(self, voter: str, refusal: Refuse, now: float) -> None:
        """No vote: learn whose it is, and when to ask again."""
        if refusal.boot != self.settings.boot or not self.lease.asked(refusal.attempt):
            return
        self.short_lease[voter] = refusal.lease
        if refusal.lease:
            return
        other = refusal.holder not in ("", self.settings.node)
        taken = refusal.promised > refusal.epoch or (refusal.promised == refusal.epoch and other)
        if taken:
            self.takes(refusal.promised)
            if refusal.promised >= self.lease.asking:
                self.lease.refuse()
        if refusal.waiting and voter == self.settings.peer:
            self.peer_waits_until = now + refusal.rest
        elif other and not refusal.waiting and refusal.rest > self.settings.lease / 2:
            # The vote was given less than half a lease ago: somebody renews it.
            self.foreign, self.foreign_until = refusal.holder, now + refusal.rest
        if taken or refusal.rest > 0:
            self.ask_at = min(self.ask_at, now + max(refusal.rest, RETRY))

    def takes(self, epoch: int) -> None:
        """This number is somebody's."""
        self.taken = max(self.taken, epoch)

    def claim(self, now: float) -> list[Action] | None:
        """If the number asked for has its majority it is this node's from now on: what must be on disk
        before anybody acts under it. None if nothing was won."""
        if self.lease.asking == self.epoch or not self.lease.reached(self.quorum, now):
            return None
        self.epoch = self.lease.asking
        self.takes(self.epoch)
        self.foreign_until, self.leap = 0.0, 0
        # The majority may be the two others', and a number that is not on disk comes back after a crash.
        persist = self.voter.owned(self.epoch)
        return [] if persist is None else [persist]

    # --- giving back

    def give_back(self, successor: str = "", wish: Wish = NOBODY) -> Release:
        """Want no vote any more, own one included; nothing that comes late counts. The answer is for
        every other voter."""
        epoch = max(self.epoch, self.lease.asking, self.voter.promise.last_own)
        self.lose()
        self.lease.drop()
        self.takes(epoch)
        release = Release(self.settings.boot, epoch, successor, wish.by, wish.reason, wish.request)
        self.voter.handle(self.settings.node, release, 0.0)
        return release

    def to_others(self, message: Message) -> list[Action]:
        """The same word to every other voter."""
        return [Send(voter, message) for voter in self.settings.others]

    def lose(self) -> None:
        """Hold nothing and ask for nothing, but leave the votes as they are until all is quiet."""
        self.takes(self.epoch)
        self.epoch = 0
        self.solo = False
        self.leap = 0
        self.ask_at = math.inf

    def not_saved(self) -> None:
        """The disk refused the last promise: do not count on the own vote."""
        self.voter.not_saved()
        self.lease.withdraw(self.settings.node)

    # --- voting for others

    def vote(self, sender: str, message: Request | Release, now: float) -> list[Action]:
        """Answer the peer as a voter."""
        replies, persist = self.voter.handle(sender, message, now)
        if persist is not None:
            self.takes(persist.promise.epoch)
            if persist.promise.epoch >= self.lease.asking:
                self.lease.refuse()  # this node's own vote for the old number is no longer to be had
        before: list[Action] = [] if persist is None else [persist]
        return [*before, *(Send(sender, reply) for reply in replies)]

    def seize(self) -> Persist:
        """An Independent node's next term: nobody else votes, so only the number matters."""
        self.epoch = self.taken + 1
        self.takes(self.epoch)
        self.voter.promise = Promise(self.epoch, self.settings.node, self.epoch)
        return Persist(self.voter.promise)

    def _vote_for_self(self, attempt: int, now: float) -> list[Action]:
        node = self.settings.node
        epoch = self.lease.asking
        replies, persist = self.voter.handle(node, self._request(attempt), now)
        if any(isinstance(reply, Grant) for reply in replies):
            self.lease.grant(node, epoch, attempt, now)
        if persist is None:
            return []
        return [self.voter.owned(epoch) or persist]  # one write for the vote and for its use

    def _request(self, attempt: int) -> Request:
        return Request(self.settings.boot, self.lease.asking, attempt, self.settings.lease)

    def _next(self) -> int:
        """The next number. Without a witness each side has its own, odd or even: two that act alone
        on both sides of a cut must not act under the same number."""
        epoch = self.taken + 1 + self.leap
        if self.settings.policy == "availability":
            wanted = 0 if self.settings.role is Role.BACKUP else 1
            epoch += (epoch - wanted) % 2
        return epoch
