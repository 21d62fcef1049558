"""What the pair has looked like since this worker started, as lanes of spans. Pure: `at` is ms since 1970."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from redundancy.ports import GatewayView

MOST = 2_000
"""Spans of one lane; a link that flaps for hours loses its oldest."""
NOBODY = "–"


class Span(NamedTuple):
    """From `at` to the next span of the lane: one word, and a sentence where there is one."""

    at: int
    word: str
    why: str


class Timeline:
    """Lanes: the node by its name, its peer by its own, `witness` and `edge nodes`; those that there are."""

    def __init__(self) -> None:
        self.lanes: dict[str, deque[Span]] = {}

    def saw(self, view: GatewayView, at: int) -> None:
        """The node looks like this now."""
        self._saw(view.node, str(view.state), view.why, at)
        peer, witness = view.peer, view.witness
        if peer is not None:
            self._saw(peer.node, (peer.state or NOBODY) if peer.connected else "down", "", at)
        if witness is not None:
            self._saw("witness", "connected" if witness.connected else "down", "", at)
        if view.edges:
            online = sum(edge.online for edge in view.edges.values())
            self._saw("edge nodes", f"{online} of {len(view.edges)} online", "", at)

    def since(self, at: int) -> dict[str, list[Span]]:
        """The spans that end after `at`."""
        found = {}
        for lane, spans in self.lanes.items():
            kept = list(spans)
            begin = max((index for index, span in enumerate(kept) if span.at <= at), default=0)
            found[lane] = kept[begin:]
        return found

    def _saw(self, lane: str, word: str, why: str, at: int) -> None:
        spans = self.lanes.setdefault(lane, deque(maxlen=MOST))
        if not spans or spans[-1].word != word:
            spans.append(Span(at, word, why))
