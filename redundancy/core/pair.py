"""A node of a leased pair (being built: the signatures stand)."""

from __future__ import annotations

from redundancy.core.actions import Action, Promise
from redundancy.core.events import Event
from redundancy.core.settings import PairSettings
from redundancy.core.view import PairView

__all__ = ["Pair", "PairSettings"]


class Pair:
    """A node's state machine. `now` is mono seconds; nothing in here reads a clock."""

    def __init__(self, settings: PairSettings, promise: Promise, now: float) -> None:
        raise NotImplementedError

    def handle(self, event: Event, now: float) -> list[Action]:
        """What follows from `event`. Total: never raises, whatever the order."""
        raise NotImplementedError

    def deadline(self) -> float:
        """Mono; the shell hands in a Tick then, if nothing comes before."""
        raise NotImplementedError

    def view(self, now: float) -> PairView:
        """A picture for people."""
        raise NotImplementedError

    def holds(self, now: float) -> bool:
        """Whether this node may act: asked before EVERY side effect."""
        raise NotImplementedError
