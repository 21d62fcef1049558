"""Histories: a world, and a random sequence of everything that can go wrong in it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

from redundancy.config import Recovery
from redundancy.core import events as ev
from redundancy.core.messages import WITNESS
from redundancy.core.peer import config_order
from tests.redundancy.core.machines import NODES, Broken, Plan
from tests.redundancy.core.watch import Violation
from tests.redundancy.core.world import World

TROUBLED = 10.0
"""Seconds of trouble in each history."""
QUIET = 20.0
"""Seconds within which a healed pair must have settled: allowance, waits of restarted voters, a retry."""


def climate_of(seed: int) -> str:
    """Half of the histories have everything; the others one kind of trouble, again and again."""
    return ("all", "all", "all", "split", "lonely", "buffered")[seed % 6]


def plan_of(seed: int) -> Plan:
    """Three in four have a witness; some have slow networks, clocks far apart, Recovery Mode Automatic."""
    climate = climate_of(seed)
    return Plan(
        witness=seed % 4 != 1 or climate != "all",
        recovery=Recovery.AUTOMATIC if seed % 7 == 5 else Recovery.MANUAL,
        delay=(0.01, 0.15) if seed % 5 == 4 and climate == "all" else (0.0005, 0.02),
        allowance=(1.0, 0.3, 3.0)[seed // 3 % 3],
        clocks="apart" if climate == "lonely" else "mixed",
        late=0.3 if climate == "buffered" else 0.02,
    )


def play(seed: int, broken: Broken | None = None, plan: Plan | None = None, trace: bool = False) -> World:
    """One history: start, trouble, healing. Raises Violation."""
    world = World(seed, plan or plan_of(seed), broken, trace)
    draw = world.random
    for name in world.machines:
        world.at(draw.uniform(0, 1.5) if draw.random() < 0.5 else 0.0, lambda name=name: world.start(name))
    t = draw.uniform(0, 3)
    while t < TROUBLED:
        world.at(t, trouble(world))
        t += draw.expovariate(1 / 0.75)
    world.run(TROUBLED)
    world.heal()
    settle(world)
    return world


def settle(world: World) -> None:
    """Healed and quiet: exactly one acts, and it stays so."""
    lease = world.plan.lease
    deadline = world.t + QUIET + world.plan.allowance
    while world.t < deadline:
        if world.run_until(world.settled, deadline - world.t):
            before = len(world.activations)
            world.run(world.t + 1.5 * lease)
            if world.settled() and len(world.activations) == before:
                return
    raise world.violation("liveness: healed and quiet, but not exactly one active")


def trouble(world: World) -> Callable[[], None]:
    """The next thing that goes wrong, drawn now, with its end."""
    draw = world.random
    kinds = _KINDS[climate_of(world.seed)]
    kind = draw.choice(kinds)
    return lambda: kind(world)


def _some(world: World) -> str:
    return world.random.choice(list(world.machines))


def _node(world: World) -> str:
    return world.random.choice(NODES)


def _holder(world: World) -> str:
    active = world.active()
    return active[0] if active and world.random.random() < 0.6 else _some(world)


def crash(world: World) -> None:
    name = _holder(world)
    world.crash(name)
    wait = world.random.choice((0.05, 0.5, 1.9, 4.0)) * world.random.uniform(0.8, 1.2)
    world.after(wait, lambda: world.start(name))


def pause(world: World) -> None:
    name = _holder(world)
    world.sleep(name)
    wait = world.random.choice((0.3, 1.0, 1.8, 2.1, 5.0)) * world.random.uniform(0.9, 1.1)
    world.after(wait, lambda: world.awake(name))


def cut(world: World) -> None:
    draw = world.random
    links = list(combinations(world.machines, 2))
    chosen = draw.sample(links, draw.choice((1, 1, min(2, len(links)))))
    if draw.random() < 0.4:
        alone = _holder(world)
        chosen = [pair for pair in links if alone in pair]
    cuts = {pair for one, other in chosen for pair in ((one, other), (other, one))}
    if draw.random() < 0.35:
        cuts = set(draw.sample(sorted(cuts), max(1, len(cuts) // 2)))
    world.say(f"cut {sorted(cuts)}")
    world.cut |= cuts

    def mend() -> None:
        world.say(f"mended {sorted(cuts)}")
        world.cut -= cuts

    world.after(draw.choice((0.5, 1.9, 3.0, 6.0)) * draw.uniform(0.9, 1.1), mend)


def noise(world: World) -> None:
    world.loss = world.random.choice((0.2, 0.5))
    world.after(world.random.uniform(0.5, 3), lambda: setattr(world, "loss", world.plan.loss))


def spoil_disk(world: World) -> None:
    machine = world.machines[_some(world)]
    machine.disk_fails = True
    world.say(f"{machine.name}'s disk fails")
    world.after(world.random.uniform(0.5, 4), lambda: setattr(machine, "disk_fails", False))


def reset(world: World) -> None:
    """The holder's connections break although it lives; worst while it is paused."""
    draw = world.random
    name = _holder(world)
    if draw.random() < 0.5:
        world.sleep(name)
        world.after(draw.uniform(0.5, 3), lambda: world.awake(name))
    for other in world.machines:
        if other != name and draw.random() < 0.8:
            world.reset(name, other)


def switch(world: World) -> None:
    world.feed(_node(world), ev.FailoverAsked("engineer", "drill", f"request {world.random.randrange(20)}"))


def stop(world: World) -> None:
    name = _node(world)
    world.feed(name, ev.StopAsked())

    def again() -> None:
        if world.machines[name].up:
            world.after(0.5, again)
        else:
            world.start(name)

    world.after(world.random.uniform(0.3, 5), again)


def maintenance(world: World) -> None:
    name = _node(world)
    world.feed(name, ev.MaintenanceAsked(True, "engineer"))
    world.after(world.random.uniform(0.5, 4), lambda: world.feed(name, ev.MaintenanceAsked(False)))


def unwell(world: World) -> None:
    name = _node(world)
    world.feed(name, ev.Healthy(False, "its canary is silent"))
    world.after(world.random.uniform(0.5, 4), lambda: world.feed(name, ev.Healthy(True)))


def edges(world: World) -> None:
    world.feed(_node(world), ev.EdgeSessions(world.random.randrange(3)))


def news(world: World) -> None:
    """A node has a new configuration; the other one follows later, unless the first dies too soon."""
    name = (world.active() or [_node(world)])[0]
    other = NODES[1 - NODES.index(name)]
    version = str(int(world.t * 10) + 2)
    world.configure(name, version)

    def follow() -> None:
        if world.machines[name].up and world.machines[other].up:
            world.configure(other, max(version, world.machines[other].config, key=config_order))

    world.after(world.random.uniform(0.01, 1.5), follow)


def split(world: World) -> None:
    """The nodes lose each other; both still see the witness."""
    cuts = {NODES, NODES[::-1]}
    world.cut |= cuts
    world.after(world.random.uniform(2, 5), lambda: world.cut.difference_update(cuts))


def blink(world: World) -> None:
    """The witness restarts at once."""
    world.crash(WITNESS)
    world.after(world.random.uniform(0.02, 0.3), lambda: world.start(WITNESS))


def isolate(world: World) -> None:
    """The holder hears and reaches nobody."""
    _lose(world, lambda name, other: [(name, other), (other, name)])


def mute(world: World) -> None:
    """The holder reaches nobody, but hears what was on its way."""
    _lose(world, lambda name, other: [(name, other)])


def _lose(world: World, ways: Callable[[str, str], list[tuple[str, str]]]) -> None:
    name = (world.active() or [_node(world)])[0]
    cuts = {way for other in world.machines if other != name for way in ways(name, other)}
    world.say(f"lost: {sorted(cuts)}")
    world.cut |= cuts
    world.after(world.random.uniform(2.2, 4), lambda: world.cut.difference_update(cuts))


_KINDS: dict[str, list[Callable[[World], None]]] = {
    "all": [crash] * 4
    + [pause] * 4
    + [cut] * 5
    + [noise, spoil_disk, reset, reset, switch, switch, stop, maintenance, unwell, edges, news],
    "split": [split] * 3 + [blink] * 6 + [crash, switch],
    "lonely": [isolate] * 5 + [crash, switch],
    "buffered": [mute] * 5 + [pause] * 3 + [crash, switch],
}


def outcome(seed: int, broken: Broken | None = None) -> str:
    """ "" for a history that holds, else the first line of what went wrong."""
    try:
        play(seed, broken)
    except Violation as error:
        return str(error).split("\n", 1)[0]
    return ""
