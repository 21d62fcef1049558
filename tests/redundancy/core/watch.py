"""What must hold at every moment of a history, and the story to tell when it does not."""

from __future__ import annotations

from redundancy.core import actions as act
from tests.redundancy.core.machines import Machine, Plan


class Violation(AssertionError):
    """An invariant does not hold. The message names the seed and tells the end of the story."""


class Watch:
    """Looks at all machines at the same real moment, which no node can."""

    machines: dict[str, Machine]

    def __init__(self, seed: int, plan: Plan, trace: bool) -> None:
        self.seed = seed
        self.plan = plan
        self.trace = trace
        self.t = 0.0
        self.story: list[str] = []
        self.owners: dict[int, str] = {}

    def holders(self) -> list[str]:
        return [
            m.name for m in self.machines.values() if m.pair is not None and m.pair.holds(m.clock(self.t))
        ]

    def active(self) -> list[str]:
        """Who acts: was told to, and holds the role at this moment."""
        return [name for name in self.holders() if self.machines[name].acting]

    def _check_holders(self) -> None:
        holders = self.holders()
        if len(holders) < 2:
            return
        if self.plan.witness:
            raise self.violation(f"I1: {' and '.join(holders)} hold the role at once")
        # Without a third vote a cut makes two; at least one of them must know that it acts alone.
        views = [m.pair.view(m.clock(self.t)) for m in self.machines.values() if m.pair is not None]
        if not any(view.solo and "dual active" in "".join(view.warnings) for view in views):
            raise self.violation("I1: two hold the role and neither knows that it is alone")

    def _own(self, machine: Machine, epoch: int) -> None:
        owner = self.owners.get(epoch)
        if owner is not None:
            raise self.violation(f"I2: {machine.name} acts under term {epoch}, which was {owner}'s")
        older = [e for e, name in self.owners.items() if self.plan.witness or name == machine.name]
        if older and epoch < max(older):
            raise self.violation(f"I2: {machine.name} acts under term {epoch} after {max(older)}")
        self.owners[epoch] = machine.name

    def _check_order(self, machine: Machine, orders: list[act.Action]) -> None:
        written = False
        for order in orders:
            written = written or isinstance(order, act.Persist)
            if written and isinstance(order, act.StandDown | act.LetGo):
                raise self.violation(f"{machine.name} waits for a disk to stand down")
        # Nobody may act under the new number before its promise is on disk (Runtime.holds): then it counts.
        machine.raising = any(map(_raises, orders)) and any(isinstance(o, act.Persist) for o in orders)

    def _saved(self, machine: Machine, epoch: int) -> None:
        if machine.raising:
            machine.raising = False
            self._own(machine, epoch)

    def violation(self, what: str) -> Violation:
        tail = "\n".join(self.story[-60 if not self.trace else -4000 :])
        return Violation(f"seed {self.seed}, {self.t:.3f} s: {what}\n{tail}")

    def say(self, sentence: str) -> None:
        self.story.append(f"{self.t:9.3f}  {sentence}")


def _raises(order: act.Action) -> bool:
    return isinstance(order, act.Note) and " goes on as term " in order.sentence
