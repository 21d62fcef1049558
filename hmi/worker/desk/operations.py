"""What the desk can be asked of tags and of the node: read, browse, write, watch, overview, poke, metrics.

Rights are checked in the web process, before a question is put. Whether this node may act is checked
here, at the moment of acting.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from hmi.desk import DeskError
from hmi.history.writer import HistoryWriter
from hmi.tags import path as paths
from hmi.tags.about import READ_ONLY
from hmi.tags.value import Quality
from hmi.tags.wire import from_wire, to_iso, to_wire, too_large
from hmi.worker.desk.overview import overview
from hmi.worker.providers.bindings import Binding
from hmi.worker.providers.edge_tags import EdgeTags
from hmi.worker.providers.engine_tags import EngineTags
from hmi.worker.providers.image import TagImage
from hmi.worker.publisher import Publisher
from redundancy.config import NodeConfig
from redundancy.ports import SWITCH_PATIENCE, Answer, GatewayView, Outcome
from redundancy.replication.reconciler import Reconciler, Standing
from sparkplug import EdgeNodeId, Value

log = logging.getLogger(__name__)

_MOST_PATHS = 20_000
_LOOK = 0.005  # seconds between two looks at a switch that is under way


class Acting(Protocol):
    """What the operations need of the runtime (redundancy.runtime.Runtime has it)."""

    loop_lag: float

    def view(self) -> GatewayView: ...

    async def write(self, edge: EdgeNodeId, device: str | None, name: str, value: Value) -> Outcome: ...

    def records_grew(self) -> None: ...


class Operations:
    """Answers from the image and the runtime. Lives on the runtime's loop; `table` is for the desk."""

    def __init__(
        self,
        node: NodeConfig,
        runtime: Acting,
        image: TagImage,
        engine: EngineTags,
        edges: EdgeTags,
        publisher: Publisher,
        history: HistoryWriter,
        troubles: Mapping[str, int],
        reload: Callable[[], Awaitable[str]],
        exchange: Reconciler | None = None,
        more_numbers: Callable[[], dict[str, float]] = dict,
    ) -> None:
        self._node, self._runtime, self._image = node, runtime, image
        self._engine, self._edges, self._publisher, self._history = engine, edges, publisher, history
        self._troubles, self._reload = troubles, reload
        self._exchange, self._more_numbers = exchange, more_numbers

    @property
    def table(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """Every operation by its name."""
        names = "read browse write watch unwatch overview poke metrics"
        return {name: getattr(self, name) for name in names.split()}

    async def read(self, paths: list[str], about: bool = False) -> list[dict[str, Any]]:
        """The tags in the order asked, under the spelling asked; with `about`, what is said of each, too."""
        readings = [self._reading(path) for path in paths]
        return [reading | self._about(reading["path"]) for reading in readings] if about else readings

    async def browse(self, path: str = "") -> list[dict[str, Any]]:
        """The children of a folder; of "" the providers. 404 for a folder that is not there."""
        try:
            children = self._image.browse(paths.canonical(path) if path else "")
        except paths.PathError as error:
            raise DeskError(400, "invalid path", str(error), "Browse from the providers down.") from None
        if children is None:
            raise DeskError(404, "not found", f"there is no folder {path}", "Browse from the providers down.")
        return [
            {"name": child.name, "path": child.path, "kind": child.kind, "type": child.datatype or None}
            for child in children
        ]

    async def write(self, writes: list[dict[str, Any]], by: str) -> list[dict[str, Any]]:
        """Each write's path, outcome, detail and the value before. Writes of one call go out together."""
        for asked in writes:
            log.info("%s writes %s", by, asked["path"])
        olds = [self._reading(asked["path"])["value"] for asked in writes]
        outcomes = await asyncio.gather(*(self._write(asked["path"], asked["value"]) for asked in writes))
        return [
            {"path": asked["path"], "outcome": came.outcome.value, "detail": came.detail, "old": old}
            for asked, came, old in zip(writes, outcomes, olds, strict=True)
        ]

    async def watch(self, web: str, paths: list[str]) -> dict[str, Any]:
        """From now on `web` hears of changes of these tags, for 15 s or until it watches again."""
        if len(paths) > _MOST_PATHS:
            raise DeskError(422, "too many tags", f"paths: at most {_MOST_PATHS} can be watched at once")
        return self._publisher.watch(web, paths)

    async def unwatch(self, web: str) -> None:
        self._publisher.unwatch(web)

    async def overview(self) -> dict[str, Any]:
        """The plant as this gateway knows it (hmi.worker.desk.overview)."""
        return overview(self._node, self._runtime.view(), self._image)

    async def poke(self, reload: bool = True) -> dict[str, str]:
        """The web process wrote to the database: push the records, and `reload` the configuration."""
        self._runtime.records_grew()
        return {"config_version": await self._reload()} if reload else {}

    async def metrics(self) -> dict[str, float]:
        """Counters and gauges by name, all numbers."""
        tally, view = self._history.tally, self._runtime.view()
        pair = Standing() if self._exchange is None else self._exchange.standing
        troubles = Counter(dict(self._troubles)) + Counter(dict(view.troubles))
        return (
            self._more_numbers()
            | {
                "tags": len(self._image),
                "tags_watched": self._publisher.watched,
                "live_batches_total": self._publisher.batches,
                "messages_total": self._engine.messages,
                "history_stored_total": tally.stored + pair.taken,
                "history_from_peer_total": pair.taken,
                "history_equal": -1 if pair.compared is None else int(pair.equal_since is not None),
                "history_minutes_differing": pair.differing,
                "history_duplicates_total": tally.duplicates,
                "history_dropped_total": tally.dropped,
                "history_left_out_total": tally.left_out,
                "history_backlog": self._history.backlog,
                "history_failing": int(bool(tally.why)),
                "loop_lag_seconds": self._runtime.loop_lag,
                "replication_lag_records": -1 if view.lag is None else view.lag,
                "servers_online": sum(view.servers.values()),
                "edges_online": sum(edge.online for edge in view.edges.values()),
                "troubles_total": sum(troubles.values()),
            }
            | {f"trouble_{_metric_name(kind)}_total": count for kind, count in troubles.items()}
        )

    # -- inside

    def _reading(self, path: str) -> dict[str, Any]:
        try:
            tag = self._image.get(paths.canonical(path))
        except paths.PathError:
            tag = None
        if tag is None:
            nothing = {"value": None, "quality": Quality.NOT_FOUND.value, "timestamp": None, "type": None}
            return {"path": path, **nothing}
        large = too_large(tag.value)
        return {
            "path": path,
            "value": None if large else to_wire(tag.value),
            "quality": Quality.BAD.value if large else tag.quality.value,
            "timestamp": to_iso(tag.timestamp),
            "type": tag.datatype,
        }

    def _about(self, asked: str) -> dict[str, Any]:
        """What is said of a tag; `read_only` is what a write of it would meet."""
        try:
            path = paths.canonical(asked)
        except paths.PathError:
            path = ""
        about = self._image.about(path)
        fixed = about.read_only if self._edges.knows(path) else bool(self._fixed(path))
        tag = self._image.get(path)
        note = too_large(tag.value) if tag is not None else ""
        return {"about": about._replace(read_only=fixed)._asdict(), "note": note}

    def _fixed(self, path: str) -> str:
        """Why nobody may write a tag that is not this gateway's own; "" where writing is a command."""
        binding = self._engine.binding(path)
        if binding is None or binding.read_only:
            return f"{path} is read-only"
        if self._image.about(path).read_only:
            return f"{path} is read-only: its edge node says so (property {READ_ONLY})"
        return ""

    async def _write(self, asked: str, value: Any) -> Outcome:
        try:
            path = paths.canonical(asked)
        except paths.PathError as error:
            return Outcome(Answer.FAILED, str(error))
        if path not in self._image:
            return Outcome(Answer.FAILED, f"there is no tag {path}")
        binding = self._engine.binding(path)
        fixed = "" if self._edges.knows(path) else self._fixed(path)
        if fixed:
            return Outcome(Answer.REFUSED, fixed)
        view = await self._after_a_switch()
        if view.state != "Active":
            return Outcome(Answer.REFUSED, self._elsewhere(view))
        if binding is not None:
            return await self._command(binding, value)
        return await self._edges.write(path, value)

    async def _command(self, binding: Binding, value: Any) -> Outcome:
        try:
            accepted = from_wire(binding.datatype, value)
        except ValueError as error:
            return Outcome(Answer.FAILED, str(error))
        wish = binding.ordered(accepted)
        return await self._runtime.write(binding.edge, binding.device, binding.name, wish)

    async def _after_a_switch(self) -> GatewayView:
        """The node as it is, or as it will be in a moment: whoever writes in the middle of a planned switch
        waits for its end, which takes a tenth of a second, rather than being refused by both nodes.
        """
        view = self._runtime.view()
        patience = asyncio.get_running_loop().time() + SWITCH_PATIENCE
        while view.switch_pending and asyncio.get_running_loop().time() < patience:
            await asyncio.sleep(_LOOK)
            view = self._runtime.view()
        return view

    def _elsewhere(self, view: GatewayView) -> str:
        """Why this node takes no writes, and where to go."""
        peer = view.peer
        if peer is not None and peer.connected and peer.state == "Active":
            url = self._node.peer.url if self._node.peer else ""
            return f"{view.node} is {view.state}; write on {peer.node}, which is active: {url}"
        return f"{view.node} is {view.state}, and no node of {view.gateway} is known to be active"


def _metric_name(kind: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", kind.lower()).strip("_")
