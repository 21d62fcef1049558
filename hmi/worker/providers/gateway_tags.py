"""What this node says of itself as tags: `[System]Gateway/Redundancy`, Engine Info, Transmission Info."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hmi.tags import path as paths
from hmi.worker.providers.image import TagImage
from redundancy.config import GatewayConfig, NodeConfig, Role
from redundancy.ports import GatewayView
from sparkplug import DataType, Value

_SYSTEM = f"[{paths.SYSTEM}]Gateway/Redundancy"
_ENGINE = f"[{paths.ENGINE}]Engine Info"
_TRANSMISSION = f"[{paths.TRANSMISSION}]Transmission Info"
_CLIENTS = f"{_TRANSMISSION}/MQTT Clients"


def activity(state: str, standby: str) -> str:
    """`Active`, the standby's level (`Warm`, `Cold`), or the state where it is neither."""
    return standby if state == "Standby" else state


class GatewayTags:
    """Keeps those tags in the image; each keeps the time of its last change."""

    def __init__(self, image: TagImage, node: NodeConfig, wall: Callable[[], int]) -> None:
        self._image, self._node, self._wall = image, node, wall
        self._engine = self._transmission = False
        self._level = "Starting"
        self._show()

    def configure(self, config: GatewayConfig | None) -> None:
        """The modules are now these: each brings its own folder."""
        self._engine = config is not None and config.engine is not None
        transmission = config.transmission if config is not None else None
        self._transmission = transmission is not None
        pairs = [(t.group, t.edge) for t in transmission.transmitters] if transmission else []
        self._clients(_client(group, edge) for group, edge in pairs)
        self._show()

    def gateway(self, view: GatewayView) -> None:
        self._level = activity(view.state, self._node.redundancy.standby.value)
        self._show()

    def transmitter(self, group: str, edge: str, online: bool) -> None:
        self._put(_client(group, edge), online, DataType.Boolean)

    def _clients(self, wanted: Iterable[str]) -> None:
        names = set(wanted)
        for path in list(self._image.under(_CLIENTS)):
            if path not in names:
                self._image.remove(path)
        for path in names:
            if path not in self._image:
                self._put(path, False, DataType.Boolean)

    def _show(self) -> None:
        role = self._node.role
        self._put(f"{_SYSTEM}/Role", role.value, DataType.String)
        self._put(f"{_SYSTEM}/ActivityLevel", self._level, DataType.String)
        self._put(f"{_SYSTEM}/IsActive", self._level == "Active", DataType.Boolean)
        self._put(f"{_SYSTEM}/IsMaster", role is not Role.BACKUP, DataType.Boolean)
        for folder, there in ((_ENGINE, self._engine), (_TRANSMISSION, self._transmission)):
            if there:
                self._put(f"{folder}/Redundancy State", self._level, DataType.String)
                self._put(f"{folder}/Redundancy Role", role.value, DataType.String)
            else:
                self._image.remove(f"{folder}/Redundancy State")
                self._image.remove(f"{folder}/Redundancy Role")

    def _put(self, path: str, value: Value, datatype: DataType) -> None:
        known = self._image.get(path)
        if known is None or known.value != value:
            self._image.put(path, value, self._wall(), datatype.name)


def _client(group: str, edge: str) -> str:
    return f"{_CLIENTS}/{group}-{edge}/Online"
