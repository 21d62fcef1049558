"""Recovery Mode Automatic: a Master that came back asks for its role, after a while, politely."""

from __future__ import annotations

import math

from redundancy.config import Recovery as Mode
from redundancy.config import Role
from redundancy.core.actions import Action, Send
from redundancy.core.eligibility import unfit
from redundancy.core.messages import SwitchAsked
from redundancy.core.peer import config_order
from redundancy.core.situation import Phase, Situation


class Recovery:
    """Counts how long this node has been fit to take back the role. `due` is mono, inf while it is not."""

    def __init__(self, situation: Situation) -> None:
        self._s = situation
        self._asked = 0
        self.due = math.inf

    def settle(self, now: float) -> list[Action]:
        """After `dwell` seconds without a break: one wish for a planned switch; again after another dwell."""
        s = self._s
        if s.peer is None or not self._fit(now):
            self.due = math.inf
            return []
        if self.due == math.inf:
            self.due = now + s.settings.dwell
        if now < self.due:
            return []
        self.due = now + max(s.settings.dwell, s.settings.lease)
        self._asked += 1
        request = f"recovery-{s.settings.boot}-{self._asked}"
        reason = "Recovery Mode is Automatic"
        return [Send(s.peer.node, SwitchAsked(s.settings.boot, s.settings.node, reason, request))]

    def _fit(self, now: float) -> bool:
        s = self._s
        if s.settings.role is not Role.MASTER or s.settings.recovery is not Mode.AUTOMATIC or s.peer is None:
            return False
        if s.phase is not Phase.IDLE or not s.returned or unfit(s, now) is not None:
            return False
        in_sync = config_order(s.config) == config_order(s.peer.config)
        return in_sync and s.peer.connected(now) and s.peer.acts(now) and s.peer.took_over
