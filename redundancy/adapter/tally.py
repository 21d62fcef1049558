"""What is counted of one server of a component."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """See ServerStatus. It outlives sessions and settings of the server."""

    connected: bool = False
    since: int = 0
    messages: int = 0
    losses: int = 0
    last_error: str = ""

    def turn(self, connected: bool, wall: int) -> None:
        """`wall` is ms since 1970 UTC."""
        if connected != self.connected:
            self.connected, self.since = connected, wall

    def off(self, wall: int) -> None:
        """Nobody tries any more."""
        self.turn(False, wall)
