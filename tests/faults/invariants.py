"""I1, I2 and I3 on what nodes have written down, each by itself, on one machine's CLOCK_BOOTTIME."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from tests.faults.bare import Moment

_SLACK = 0.0005
"""Seconds between reading the clock and writing the line."""


def broken(moments: Iterable[Moment]) -> list[str]:
    """One sentence for every invariant that does not hold; empty when all do.

    I2: an epoch has one owner, and no life of a node goes on with an earlier one's. I1 and I3: once somebody
    acts under an epoch, nobody acts under a lower one, nor could have until then, by its own account of its
    lease. (Nobody is asked to hand over in these schedules, so no lease ends before its time.)
    """
    ordered = sorted(moments, key=lambda moment: moment.before)
    return [*_two_owners(ordered), *_two_at_once(ordered)]


def _two_owners(ordered: list[Moment]) -> list[str]:
    owners: dict[int, str] = {}
    found = []
    for moment in ordered:
        owner = owners.setdefault(moment.epoch, moment.life)
        if owner != moment.life:
            found.append(f"I2: {moment.life} acts under epoch {moment.epoch}, which is {owner}'s")
            owners[moment.epoch] = moment.life
    return found


def _two_at_once(ordered: list[Moment]) -> list[str]:
    found = []
    first: dict[int, Moment] = {}
    last: dict[int, Moment] = {}
    for moment in ordered:
        first.setdefault(moment.epoch, moment)
        last[moment.epoch] = moment
    epochs = sorted(first)
    for lower, higher in pairwise(epochs):
        old, new = last[lower], first[higher]
        if old.before > new.after:
            found.append(f"I1, I3: {old.life} acts {1000 * (old.before - new.after):.0f} ms after {new.life}")
        elif old.node != new.node and old.until > new.after + _SLACK:
            early = 1000 * (old.until - new.after)
            found.append(f"I1: {new.life} acts {early:.0f} ms before the lease of {old.life} is over")
    return found
