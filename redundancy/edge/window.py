"""The samples of one edge node that a host may not have: a rolling window and a waiting store in one.

Sparkplug acknowledges no sample end to end, so a host that dies loses what was on its way to it, and
nobody notices before detection has run its course. Samples published less than `rolling` seconds ago
are therefore kept (Cirrus Link's Rolling History Buffer) and sent again after every birth at a new host
session; samples that could not be published at all wait without an age limit. Both together never
exceed `limit`: the oldest goes first, and a sample that nobody has received is counted when it goes.

Pure: `now` is a reading of the monotonic clock in seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from sparkplug import Metric


@dataclass(frozen=True, slots=True)
class Sample:
    """One stored value of a device's metric, or of the node's own when `device` is None."""

    device: str | None
    metric: Metric

    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970 UTC; a sample without one counts as the oldest."""
        return self.metric.timestamp or 0


class SampleWindow:
    """What has been sent lately, and what still waits to be sent."""

    def __init__(self, rolling: float, limit: int) -> None:
        self.dropped = 0
        self._rolling = rolling
        self._limit = limit
        self._sent: deque[tuple[float, Sample]] = deque()
        self._waiting: deque[Sample] = deque()

    @property
    def waiting(self) -> int:
        """How many samples nobody has been sent yet, or must be sent again."""
        return len(self._waiting)

    def __len__(self) -> int:
        return len(self._sent) + len(self._waiting)

    def sent(self, sample: Sample, now: float) -> None:
        """The sample has been published just now, by this node or (on a standby) by its peer."""
        self._sent.append((now, sample))
        self._age(now)
        self._bound()

    def wait(self, sample: Sample) -> None:
        """The sample could not be published: there is no host to receive it."""
        self._waiting.append(sample)
        self._bound()

    def rewind(self, now: float) -> None:
        """A new host session: what was sent last may have died with the old one."""
        self._age(now)
        again = [sample for _, sample in self._sent]
        self._sent.clear()
        # Live samples overtake a long flush, so the two queues are not one after the other.
        self._waiting = deque(sorted([*again, *self._waiting], key=lambda sample: sample.timestamp))

    def take(self, count: int, now: float) -> list[Sample]:
        """The next samples to send again, at most `count`, oldest first; they count as sent now."""
        taken = [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
        self._sent.extend((now, sample) for sample in taken)
        return taken

    def give_back(self, samples: Iterable[Sample]) -> None:
        """What `take` or `sent` handed out could not be published after all."""
        returned = list(samples)
        gone = {id(sample) for sample in returned}
        self._sent = deque(item for item in self._sent if id(item[1]) not in gone)
        self._waiting.extendleft(reversed(returned))
        self._bound()

    def presume_sent(self, now: float) -> None:
        """The peer has published all that waited; kept for one rolling window more, in case it dies."""
        self.take(len(self._waiting), now)

    def _age(self, now: float) -> None:
        while self._sent and now - self._sent[0][0] > self._rolling:
            self._sent.popleft()

    def _bound(self) -> None:
        while len(self) > self._limit:
            if self._sent:
                self._sent.popleft()
            else:
                self._waiting.popleft()
                self.dropped += 1


def by_device(samples: Iterable[Sample]) -> dict[str | None, list[Metric]]:
    """Samples as the messages that carry them: one list of metrics for each device, in order."""
    messages: dict[str | None, list[Metric]] = {}
    for sample in samples:
        messages.setdefault(sample.device, []).append(sample.metric)
    return messages
