"""How a component and its servers are, as tags, as words and as numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum

from hmi.tags import path as paths
from hmi.tags.value import Quality
from hmi.worker.adapter.tags import SERVERS, STATUS, component_folder
from hmi.worker.providers.image import TagImage
from redundancy.adapter.reports import ComponentStatus, Condition, ServerStatus
from sparkplug import DataType, Value


class ComponentState(StrEnum):
    """The words of the adapter's device status, and one of our own: on a node that stands by."""

    GOOD = "Good"
    NO_DATA = "Connected / No Data"
    STARTING = "Starting"
    SEEKING = "Attempting Failover"
    ERROR = "Device in error"
    STOPPED = "Shutdown"
    NOT_CONFIGURED = "Not Configured"
    STANDBY = "Standby"


_WORDS = {
    Condition.STOPPED: ComponentState.STOPPED,
    Condition.STANDBY: ComponentState.STANDBY,
    Condition.NOT_CONFIGURED: ComponentState.NOT_CONFIGURED,
}


def flows(status: ComponentStatus) -> bool:
    """Whether some server would tell of a change now."""
    return status.condition is Condition.RUNNING and any(
        server.connected and server.target for server in status.servers
    )


def state_of(status: ComponentStatus, *, data: bool) -> ComponentState:
    """`data`: whether something has come since data could flow."""
    word = _WORDS.get(status.condition)
    if word is not None:
        return word
    if flows(status):
        return ComponentState.GOOD if data else ComponentState.NO_DATA
    if not any(server.since or server.last_error for server in status.servers):
        return ComponentState.STARTING
    return ComponentState.SEEKING if len(status.servers) > 1 else ComponentState.ERROR


class StatusTags:
    """What this node says of one component."""

    def __init__(self, component: str, image: TagImage, wall: Callable[[], int]) -> None:
        self._image, self._wall = image, wall
        self._folder = component_folder(component)

    def servers(self, ids: Iterable[str]) -> None:
        """The servers are now these; each has all of its tags from the first moment on."""
        wanted = set(ids)
        for path in list(self._image.under(f"{self._folder}/{SERVERS}")):
            if not any(path.startswith(f"{self._server(each)}/") for each in wanted):
                self._image.remove(path)
        for each in wanted:
            if f"{self._server(each)}/Connected" not in self._image:
                self.server(ServerStatus(each), Quality.STALE)

    def server(self, status: ServerStatus, quality: Quality) -> None:
        values: dict[str, tuple[Value, DataType]] = {
            "Connected": (status.connected, DataType.Boolean),
            "Target": (status.target, DataType.Boolean),
            "Since": (status.since or None, DataType.DateTime),
            "Messages": (status.messages, DataType.Int64),
            "Failovers": (status.failovers, DataType.Int64),
            "Last Error": (status.last_error, DataType.String),
        }
        for name, (value, datatype) in values.items():
            self._put(f"{self._server(status.id)}/{name}", value, datatype, quality)

    def state(self, state: ComponentState) -> None:
        self._put(f"{self._folder}/{STATUS}", state.value, DataType.String, Quality.GOOD)

    def close(self) -> None:
        """The component is gone."""
        for path in list(self._image.under(self._folder)):
            self._image.remove(path)

    def _server(self, identity: str) -> str:
        return f"{self._folder}/{SERVERS}/" + paths.join("", identity).removeprefix("[]")

    def _put(self, path: str, value: Value, datatype: DataType, quality: Quality) -> None:
        known = self._image.get(path)
        if known is None or (known.value, known.quality) != (value, quality):
            self._image.put(path, value, self._wall(), datatype.name, quality)
