"""Six ways to break the lease. Each is the real core with one rule taken out; each must be noticed."""

from __future__ import annotations

from redundancy.core.actions import Promise
from redundancy.core.lease import Lease
from redundancy.core.pair import Pair
from redundancy.core.term import Term
from redundancy.core.voter import Voter
from tests.redundancy.core.machines import Broken


class OneVoteIsEnough(Term):
    """A pair that trusts its own time-out."""

    @property
    def quorum(self) -> int:
        return 1


class ForgetfulVoter(Voter):
    """Votes at once after a restart, although a grant given before may still live."""

    def __init__(self, lease: float, promise: Promise, restarted_at: float) -> None:
        super().__init__(lease, promise, restarted_at)
        self._waits_until = restarted_at


class CountsFromReceipt(Lease):
    """Counts a grant from when it came in."""

    def _counts_until(self, asked_at: float, now: float) -> float:
        return now + self.term


class ForgetfulTerm(Term):
    voter_type = ForgetfulVoter


class ReceiptTerm(Term):
    lease_type = CountsFromReceipt


class OneVotePair(Pair):
    term_type = OneVoteIsEnough


class ForgetfulPair(Pair):
    term_type = ForgetfulTerm


class ReceiptPair(Pair):
    term_type = ReceiptTerm


MUTANTS = {
    "one vote is enough": Broken(pair=OneVotePair),
    "a restarted voter does not wait": Broken(pair=ForgetfulPair, voter=ForgetfulVoter),
    "a grant counts from its receipt": Broken(pair=ReceiptPair),
    "the holder leaves no margin for its clock": Broken(rho=0.0),
    "a promise is not on disk": Broken(durable=False),
    "a reset connection frees a vote": Broken(reset_frees=True),
}
