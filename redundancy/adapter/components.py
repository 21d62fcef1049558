"""All components of a node, as its role drives them: where the worker joins the adapter to the runtime.

    ground = Ground(node, clock, sink, runtime.holds, trouble)
    components = Components(ground)
    components.configure(configs)           at the start, and when the configuration has changed
    components.act()                        when the gateway's view says that this node acts
    components.stand_down(why)              when it says that it no longer does, or the worker ends
    components.listen(warm)                 on a standby: Sparkplug hosts listen there, too
    await components.close()                at the very end

All of it on the runtime's loop, from `Sink.gateway(view)`: `follow` takes what that view says. Each call may
come any number of times. `sink` (reports.AdapterSink) gets messages, metrics and statuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from redundancy.adapter.component import MqttComponent
from redundancy.adapter.config import ComponentConfig, Kind
from redundancy.adapter.ground import Ground
from redundancy.adapter.reports import ComponentStatus
from redundancy.adapter.sparkplug import SparkplugComponent

Component: TypeAlias = MqttComponent | SparkplugComponent

FAREWELL_PATIENCE = 1.0
"""Seconds for the last words to leave."""


class Components:
    """`configure` says which, the role says whether they connect."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._components: dict[str, Component] = {}
        self._acting = self._listening = False

    def configure(self, configs: Sequence[ComponentConfig]) -> None:
        """These are the components from now on, whatever they were. What is unchanged goes on undisturbed."""
        wanted = {config.id: config for config in configs}
        for name in [name for name, one in self._components.items() if not _fits(one, wanted.get(name))]:
            self._components.pop(name).shut()
            self._ground.log(name).info("ends: the component is gone")
        for name, config in wanted.items():
            one = self._components.get(name)
            if one is None:
                self._components[name] = self._started(config)
            elif one.config != config:
                one.configure(config)

    def follow(self, *, acting: bool, listening: bool, why: str = "the other node acts") -> None:
        """What the role says now."""
        self.listen(listening)
        if acting and not self._acting:
            self.act()
        elif not acting and self._acting:
            self.stand_down(why)

    def act(self) -> None:
        """This node has the role: every component connects, except those that are stopped."""
        self._acting = True
        for one in self._components.values():
            one.act()

    def stand_down(self, why: str, *, goodbye: bool = False) -> None:
        """It has the role no longer. `goodbye`: and nobody else takes it (see SparkplugComponent)."""
        self._acting = False
        for one in self._components.values():
            if isinstance(one, SparkplugComponent):
                one.stand_down(why, goodbye=goodbye)
            else:
                one.stand_down(why)

    def listen(self, wanted: bool) -> None:
        """Whether a node without the role listens as a Sparkplug host: a warm standby does."""
        self._listening = wanted
        for one in self._components.values():
            if isinstance(one, SparkplugComponent):
                one.listen(wanted)

    def status(self) -> tuple[ComponentStatus, ...]:
        """Every component as it is now, in the order in which they were configured."""
        return tuple(one.status() for one in self._components.values())

    async def close(self) -> None:
        """For good: a node that still acts says goodbye."""
        for name, one in self._components.items():
            one.shut()
            self._ground.log(name).info("ends with the node's worker")
        self._components.clear()
        await self._ground.farewells.wait(FAREWELL_PATIENCE)

    def _started(self, config: ComponentConfig) -> Component:
        made: Component
        self._ground.log(config.id).info("begins: a component of type %s", config.kind.value)
        if config.kind is Kind.MQTT:
            made = MqttComponent(config, self._ground)
        else:
            made = SparkplugComponent(config, self._ground)
            made.listen(self._listening)
        if self._acting:
            made.act()
        return made


def _fits(one: Component, config: ComponentConfig | None) -> bool:
    """Whether the component can become what is wanted."""
    return config is not None and config.kind is one.config.kind
