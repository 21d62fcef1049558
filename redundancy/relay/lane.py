"""One server as the pump sees it: what was handed to it in this session, and what it said of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Lane:
    """`cursor` is the next number to be handed to the server in this session; times in seconds.

    Everything below `done` is acknowledged there, or of no interest. `proven`: a receipt came through it in
    this session, so the whole way there and back works. `waiting_since`: since then something that was
    handed to it is without a receipt, and nothing has moved.
    """

    up: bool = False
    tried: bool = False
    since: float = 0.0
    limit: int = 1
    cursor: int = 1
    done: int = 1
    proven: bool = False
    gap: bool = False
    rewinds: int = 0
    highest: int = 0
    suspect_until: float = float("-inf")
    patience: float = 0.0
    waiting_since: float | None = None
    heard: float = float("-inf")
    flying: dict[int, tuple[int, float]] = field(default_factory=dict)
    acked: set[int] = field(default_factory=set)

    def begin(self, floor: int, patience: float) -> None:
        """A new session, or one to which everything is sent again."""
        self.cursor = self.done = floor
        self.flying.clear()
        self.acked.clear()
        self.proven = self.gap = False
        self.rewinds = 0
        self.patience = patience
        self.waiting_since = None

    def rewind(self, floor: int) -> None:
        """Everything from `floor` on is sent again in the same session."""
        self.cursor = floor
        self.waiting_since = None
        self.gap = False

    def move(self, floor: int, now: float) -> None:
        """Nothing below `floor` is of interest any more."""
        self.cursor = max(self.cursor, floor)
        self.done = max(self.done, floor)
        self.acked = {number for number in self.acked if number >= floor}
        self.waiting_since = now if self.cursor > floor else None

    def settle(self, settled: set[int]) -> None:
        """Move `done` over what is acknowledged here or needs no acknowledgement."""
        while self.done in self.acked or (self.done in settled and self.done < self.cursor):
            self.acked.discard(self.done)
            self.done += 1

    def oldest(self) -> float | None:
        """When the message was sent that has waited longest for its acknowledgement."""
        return next(iter(self.flying.values()))[1] if self.flying else None
