"""The composition root of the worker process: identity and rows in, a running node out.

Nothing else in the project makes these parts and joins them. Two of these fit in one process.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

from django.conf import settings
from django.db import DatabaseError

from hmi.history.exchange import HistoryExchange
from hmi.history.router import ALIAS
from hmi.history.writer import HistoryWriter
from hmi.people import audit
from hmi.replication import documents, ledger
from hmi.replication.store import DjangoStore
from hmi.worker import configuration
from hmi.worker.adapter.adapter import Adapter
from hmi.worker.configuration import Configuration
from hmi.worker.desk.desk import Desk
from hmi.worker.desk.operations import Operations
from hmi.worker.desk.pair_operations import PairOperations
from hmi.worker.gateway_state import GatewayState
from hmi.worker.journal import Journal
from hmi.worker.providers.edge_tags import PROVIDER, EdgeTags
from hmi.worker.providers.engine_tags import EngineTags
from hmi.worker.providers.gateway_tags import GatewayTags
from hmi.worker.providers.image import TagImage
from hmi.worker.publisher import Publisher
from hmi.worker.reports import Reports, Troubles
from hmi.worker.sampler import Sampler
from redundancy.clock import Clock
from redundancy.config import ConfigError, NodeConfig
from redundancy.ports import GatewayView
from redundancy.replication.reconciler import Reconciler
from redundancy.replication.records import Record, RecordStore
from redundancy.runtime import Runtime
from redundancy.witness import Witness

log = logging.getLogger(__name__)

HEALTH = 1.0
Args = TypeVarTuple("Args")
Result = TypeVar("Result")


def node_worker() -> NodeWorker:
    """This process's node. Raises ConfigError without a data folder."""
    if settings.NODE is None:
        raise ConfigError("TANDEM_DIR", "names the node's data folder, and is not set")
    history = Path(str(settings.DATABASES[ALIAS]["NAME"]))
    return NodeWorker(settings.NODE, settings.NODE_DIR, history, settings.REDIS_URL, DjangoStore(), Clock())


class NodeWorker:
    """One node's runtime with everything that it reports to and everything that asks it."""

    def __init__(
        self,
        node: NodeConfig,
        folder: Path,
        history: Path,
        redis_url: str,
        store: RecordStore,
        clock: Clock,
    ) -> None:
        self._node, self._folder, self._redis_url = node, folder, redis_url
        self._store, self._clock = store, clock
        self._stopping = False
        self._runtime: Runtime | None = None
        self._configuration = Configuration()
        self._refused = ""
        self._reloading = asyncio.Lock()
        self._errands: set[asyncio.Task[Any]] = set()
        # Rows are read on one thread of their own: a connection to the database belongs to its thread.
        self._database = ThreadPoolExecutor(1, thread_name_prefix="rows")
        self._history = HistoryWriter(history)
        self._troubles = Troubles()
        self._exchange = Reconciler(HistoryExchange(history), clock, self._troubles) if node.peer else None
        self.image = TagImage()
        parts = (self.image, self._history.put, self._wall, self._troubles)
        self._engine, self._edges = EngineTags(*parts), EdgeTags(*parts)
        self._gateway_tags = GatewayTags(self.image, node, self._wall)
        rows = (self._troubles, self._in_thread)
        self._adapter = Adapter(node, folder, clock, self.image, self._history, *rows)
        self._journal = Journal(redis_url)
        self._pair = PairOperations(node, clock, self.reload, self._exchange)

    def stop(self) -> None:
        """Hand the role over and end `run`. On the loop."""
        self._stopping = True
        if self._runtime is not None:
            self._runtime.stop()

    async def run(self) -> None:
        """Serve until stopped. Raises OSError when the pair link's address is taken, or this folder is."""
        with _alone(self._folder):
            await self._serve()

    async def _serve(self) -> None:
        await self._in_thread(_adopt)
        await self._read()
        remembered = await self._in_thread(self._store.latest, PROVIDER)
        self._edges.remember({record.key: record.body for record in remembered})
        await self._take_up()
        runtime, publisher, desk = self._assemble()
        sampler = Sampler(self._edges.sample_counters, lambda: self._edges.periods, self._wall)
        self._history.start()
        try:
            async with _witnessing(self._node, self._folder, self._clock), asyncio.TaskGroup() as group:
                served = (publisher.run(), desk.run(), sampler.run(), self._journal.run())
                helpers = [group.create_task(work) for work in (*served, self._watch_health(runtime))]
                if self._stopping:
                    runtime.stop()
                await runtime.run()
                for helper in helpers:
                    helper.cancel()
        finally:
            await self._adapter.close()
            await asyncio.to_thread(self._history.close)
            self._database.shutdown(wait=False)

    async def reload(self) -> str:
        """Take up the configuration if the database holds another one; answers its version."""
        async with self._reloading:
            if await self._in_thread(configuration.version) != self._configuration.version:
                await self._read()
                await self._take_up()
            return self._configuration.version

    # -- inside

    def _assemble(self) -> tuple[Runtime, Publisher, Desk]:
        def news() -> None:
            publisher.news()

        reports = Reports(
            self._engine,
            self._gateway_tags,
            self._edges,
            news,
            self._applied,
            self._audit,
            self._tell,
            lambda: self._history.tally.duplicates,
            self._saw,
        )
        runtime = self._runtime = Runtime(
            self._node,
            self._configuration.gateway,
            self._folder,
            self._clock,
            self._store,
            reports,
            self._edges,
            self._exchange,
        )
        self._edges.attach(runtime)
        self._pair.attach(runtime)
        self._adapter.attach(runtime.holds)
        state = GatewayState(self._node)

        def view() -> GatewayView:
            return self._adapter.warned(runtime.view())

        publisher = Publisher(self._redis_url, self.image, state, view, self._clock)
        operations = Operations(
            self._node,
            runtime,
            self.image,
            self._engine,
            self._edges,
            publisher,
            self._history,
            self._troubles,
            self.reload,
            self._exchange,
            self._adapter.board.numbers,
        )
        table = {**operations.table, **self._pair.table, **self._adapter.board.table}
        return runtime, publisher, Desk(self._redis_url, table)

    async def _read(self) -> None:
        """Read the rows. Ones that can't be used leave the configuration that was, and a reason."""
        try:
            self._configuration = await self._in_thread(configuration.read, self._node, self._configuration)
            self._refused = ""
        except (ValueError, DatabaseError) as error:
            self._refused = f"the configuration cannot be used: {error}"
            log.error("%s", self._refused)
            return
        try:
            await self._in_thread(
                configuration.write_distributor, self._folder, self._configuration.distributor
            )
        except OSError as error:
            self._refused = f"the broker's configuration cannot be written: {error}"
            log.error("%s", self._refused)

    async def _take_up(self) -> None:
        """Make tags and runtime what the configuration says, whatever they were."""
        gateway = self._configuration.gateway
        engine = gateway.engine if gateway else None
        self._gateway_tags.configure(gateway)
        self._engine.servers(server.name for server in (engine.servers if engine else ()))
        tags = self._configuration.tags
        news = await self._in_thread(tags.since, self._edges.book)
        reshaped = await self._edges.take_up(tags, news)
        if self._runtime is not None and gateway is not None:
            self._runtime.reconfigure(gateway)
            if reshaped:
                self._runtime.rebirth()
        await self._adapter.take_up(gateway)

    def _saw(self, view: GatewayView) -> None:
        self._pair.saw(view)
        self._adapter.follow(view)

    def _applied(self, records: Sequence[Record]) -> None:
        self._pair.applied(records)
        if any(record.provider == ledger.CONFIG for record in records):
            self._send(self.reload())

    def _audit(self, sentence: str) -> None:
        """What the pair did by itself goes into the trail. Its writer pokes this very worker: a thread."""
        self._send(asyncio.to_thread(_write_audit, self._node.gateway, sentence))

    def _tell(self, sentence: str) -> None:
        self._journal(self._wall(), sentence)

    def _send(self, errand: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def _watch_health(self, runtime: Runtime) -> None:
        """Tell the runtime whether this node can do its work: rows readable, history writable."""
        said = (True, "")
        while True:
            await asyncio.sleep(HEALTH)
            now = await self._health()
            if now != said:
                runtime.healthy(*now)
                said = now

    async def _health(self) -> tuple[bool, str]:
        if self._refused:
            return False, self._refused
        if self._history.tally.why:
            return False, f"history cannot be written: {self._history.tally.why}"
        try:
            await self._in_thread(configuration.version)
        except DatabaseError as error:
            return False, f"the database cannot be read: {error}"
        return True, ""

    def _wall(self) -> int:
        return self._clock.now().wall

    async def _in_thread(self, work: Callable[[*Args], Result], *args: *Args) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._database, work, *args)


@asynccontextmanager
async def _witnessing(node: NodeConfig, folder: Path, clock: Clock) -> AsyncIterator[None]:
    """Be the witness of other gateways' pairs meanwhile, where node.json says so."""
    witness = Witness.of(node, folder, clock)
    if witness is None:
        yield
        return
    await witness.start()
    try:
        yield
    finally:
        await witness.close()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two workers of one node would give one vote twice. The lock goes with the process."""
    with (folder / "worker.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(f"another worker serves {folder} already") from None
        yield


def _adopt() -> None:
    try:
        documents.adopt()
    except (ValueError, DatabaseError) as error:
        log.error("the configuration cannot be given a version: %s", error)


def _write_audit(gateway: str, sentence: str) -> None:
    try:
        audit.record(audit.Actor("pair"), "redundancy", gateway, new=sentence)
    except DatabaseError as error:
        log.error("the audit trail cannot be written: %s", error)
