"""What a node knows of its peer: only what it has heard, and when."""

from __future__ import annotations

import re
from functools import lru_cache

from redundancy.core.messages import Heartbeat
from redundancy.core.view import PeerView

_REMEMBERED_BOOTS = 8
_DIGITS = re.compile(r"([0-9]{1,18})")


@lru_cache(maxsize=16)
def config_order(version: str) -> tuple[str | int, ...]:
    """Sort key of a configuration version: numbers inside it compare as numbers, "" comes first."""
    parts = _DIGITS.split(version)
    return tuple(int(part) if index % 2 else part for index, part in enumerate(parts))


class PeerRecord:
    """The other node, as heard. `lease_until`: before that it may still act (mono, this node's clock)."""

    def __init__(self, node: str, lease: float, rho: float, quiet: float) -> None:
        self.node = node
        self.linked = False
        self.heard_at: float | None = None
        self.last: Heartbeat | None = None
        self.lease_until = 0.0
        self._lease = lease
        self._rho = rho
        self._quiet = quiet
        self._boot = ""
        self._boot_heard_at = 0.0
        self._older_boots: list[str] = []

    def heard(self, boot: str, now: float) -> bool:
        """Something came from the peer's life `boot`; False if that life is over.

        Boot ids have no order, and the last word of an old life may come after the first of the new
        one. So a life that was left is left for as long as the other one goes on speaking, no longer.
        """
        self.touched(now)  # whoever still hears an old life's words is not cut off from the peer
        if boot != self._boot:
            if boot in self._older_boots and now < self._boot_heard_at + self._quiet:
                return False
            if self._boot:
                self._older_boots = [*self._older_boots, self._boot][-_REMEMBERED_BOOTS:]
            self._boot = boot
            self.last = None
        self._boot_heard_at = now
        return True

    def touched(self, now: float) -> None:
        """The peer has said something, whatever it was."""
        self.linked = True
        self.heard_at = now

    def heartbeat(self, beat: Heartbeat, now: float) -> bool:
        """Take over what the peer says of itself; False if a newer heartbeat has overtaken this one."""
        if self.last is not None and beat.beat <= self.last.beat:
            return False
        self.last = beat
        # What is left of its lease, by the slower of the two clocks.
        left = min(beat.left / (1 - self._rho), self._lease)
        self.lease_until = now + left if beat.active else 0.0
        return True

    def connected(self, now: float) -> bool:
        """Heard within a lease, and no link reported down since."""
        return self.linked and self.heard_at is not None and now - self.heard_at <= self._lease

    def acts(self, now: float) -> bool:
        """It said that it holds the role, and its lease may still run."""
        return now < self.lease_until

    @property
    def config(self) -> str:
        return self.last.config if self.last else ""

    @property
    def took_over(self) -> bool:
        """It acts, and everything that can be online is online."""
        return self.last is not None and self.last.active and self.last.took_over

    @property
    def epoch(self) -> int:
        return self.last.epoch if self.last else 0

    def unable(self, config: str, now: float) -> str:
        """Why it could not take the role now, as a sentence; "" if it could."""
        if not self.connected(now) or self.last is None:
            return f"{self.node} is not connected"
        if not self.last.healthy:
            return f"{self.node} is not healthy"
        if config_order(self.last.config) < config_order(config):
            return f"{self.node} has not received the configuration yet"
        if not self.last.able:
            return f"{self.node} cannot take over: it is {self.last.state}"
        return ""

    def view(self, now: float) -> PeerView:
        last = self.last
        return PeerView(
            node=self.node,
            connected=self.connected(now),
            state=last.state if last else "",
            epoch=self.epoch,
            last_seen=self.heard_at,
            config_version=self.config,
            healthy=last is not None and last.healthy,
            leaving=last is not None and last.leaving,
        )
