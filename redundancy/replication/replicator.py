"""Replication between the two nodes of a pair: each pulls from the other what it has not applied yet."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from redundancy.link.links import PullEvents
from redundancy.replication.exchange import Batch, CopiedStore, Intake, Supply, text, texts
from redundancy.replication.records import MAX_BODY, MemoryStore, Record, RecordStore

__all__ = ["MAX_BODY", "MemoryStore", "Record", "RecordStore", "Replicator"]

Send = Callable[[dict[str, Any]], bool]
_RETRY = 1.0  # seconds after a fault of the store or of the other end
_Result = TypeVar("_Result")


class Replicator:
    """Both directions of a node's replication, over the records channel of its links.

    Give `events` to redundancy.link.links.Links. `on_applied(records)` tells which of the peer's records
    have won here; `on_progress(applied, total)` follows a long pull; `trouble(kind, detail)` hears what
    went wrong. `acting()` is this node's epoch while it is active, else 0: only an active node writes its
    documents anew for a re-sync. All of them run on the loop and must not block. The store is called in
    one thread of its own.
    """

    def __init__(
        self,
        store: RecordStore,
        on_applied: Callable[[list[Record]], None],
        trouble: Callable[[str, str], None],
        *,
        on_progress: Callable[[int, int], None] | None = None,
        acting: Callable[[], int] = lambda: 0,
    ) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, "records")
        self._trouble = trouble
        self._acting = acting
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False
        self._waiting: list[tuple[int, asyncio.Future[bool]]] = []
        self._server = _Server(self)
        self._puller = _Puller(self, on_applied, on_progress)
        self.events = PullEvents(
            pull_up=self._puller.up,
            pulled=self._puller.heard,
            pull_down=self._puller.down,
            asked=self._server.heard,
            left=self._server.left,
            waits=lambda: self._puller.waits_since,
            stalled=self.told,
        )

    @property
    def lag(self) -> int | None:
        """Records that the peer lacks: 0 when it has all, None when nobody pulls."""
        return self._server.lag

    def poke(self) -> None:
        """The store has grown: push what is new."""
        self._server.poke()

    async def remember(self, provider: str, key: str, body: bytes, epoch: int, patience: float = 0.2) -> bool:
        """Append, then wait until the peer has applied it, `patience` seconds at most.

        False: no peer, or too slow; recorded here all the same. Raises ValueError for a body beyond
        MAX_BODY, and whatever the store raises when it can't write.
        """
        if len(body) > MAX_BODY:
            raise ValueError(f"body: {len(body)} bytes, {MAX_BODY} are allowed")
        seq, _ = await self.in_thread(lambda: self._store.append(provider, key, body, epoch))
        self.poke()
        if self.lag is None or patience <= 0:
            return False
        applied: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((seq, applied))
        try:
            async with asyncio.timeout(patience):
                return await applied
        except TimeoutError:
            return False
        finally:
            self._waiting = [entry for entry in self._waiting if entry[1] is not applied]

    def resync(self, documents: Sequence[str] = ()) -> None:
        """Pull everything again, and have the peer do the same. Harmless: the last writer still wins.

        The active node writes the `documents` (provider names) anew, so that the standby takes them as
        they are, even where it kept out or had a version of its own.
        """
        self._puller.start_over(documents)
        self._server.start_over(documents)

    async def close(self) -> None:
        """Stop; a store call that has begun is finished first."""
        self._closed = True
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._thread.shutdown)

    # For the two sides

    async def in_thread(self, call: Callable[[], _Result]) -> _Result:
        """Run a blocking store call in the store's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def begin(self) -> None:
        """Start the two sides' tasks if they do not run yet."""
        if not self._tasks and not self._closed:
            self._tasks = [
                asyncio.create_task(self._keep(side.step), name=name)
                for name, side in (("serve records", self._server), ("pull records", self._puller))
            ]

    def settled(self, through: int) -> None:
        """The peer has everything up to this seq."""
        for seq, applied in self._waiting:
            if seq <= through and not applied.done():
                applied.set_result(True)

    def told(self, detail: str) -> None:
        """Report a fault."""
        self._trouble("replication", detail)

    @property
    def store(self) -> RecordStore:
        """This node's records."""
        return self._store

    async def write_anew(self, documents: Sequence[str]) -> None:
        """If this node is active: put its version of these documents on top."""
        epoch = self._acting()
        if epoch <= 0 or not documents:
            return
        try:
            for provider in documents:
                await self.in_thread(partial(self._store.renew, provider, epoch))
        except ValueError as error:
            # The store can't use its own document: the rest is exchanged all the same.
            self.told(str(error))

    async def _keep(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
            except Exception as error:  # noqa: BLE001  the outermost loop: whatever a database may raise
                self.told(f"{type(error).__name__}: {error}")
                await asyncio.sleep(_RETRY)


class _Server:
    """Answers the peer's pulls and pushes what is new. One step at a time, so nothing overtakes."""

    def __init__(self, replicator: Replicator) -> None:
        self._home = replicator
        self._inbox: deque[tuple[dict[str, Any], Send]] = deque()
        self._wake = asyncio.Event()
        self._reader = ""
        self._send: Send | None = None
        self._supply: Supply | None = None
        self._anew: Sequence[str] | None = None

    @property
    def lag(self) -> int | None:
        return None if self._supply is None else self._supply.lag

    def heard(self, message: dict[str, Any], reply: Send) -> None:
        self._inbox.append((message, reply))
        self.poke()

    def left(self, why: str) -> None:  # noqa: ARG002  the link tells it
        self._inbox.clear()
        self._supply, self._send = None, None

    def poke(self) -> None:
        self._home.begin()
        self._wake.set()

    def start_over(self, documents: Sequence[str]) -> None:
        self._anew = tuple(documents)
        self.poke()

    async def step(self) -> None:
        """Until woken, then everything there is to do."""
        await self._wake.wait()
        self._wake.clear()
        try:
            await self._work()
        except BaseException:
            self._wake.set()  # what is left undone is tried again
            raise

    async def _work(self) -> None:
        if self._anew is not None:
            await self._home.write_anew(self._anew)
            self._anew = None
            self._say({"kind": "again"})
        while self._inbox:
            message, reply = self._inbox.popleft()
            try:
                await self._answer(message, reply)
            except ValueError as error:
                self._home.told(f"the peer's request can't be used: {error}")
            except BaseException:
                self._inbox.appendleft((message, reply))
                raise
        await self._push()

    async def _answer(self, message: dict[str, Any], reply: Send) -> None:
        store, kind = self._home.store, message.get("kind")
        if kind == "ask":
            self._reader, self._send, self._supply = text(message, "store"), reply, None
            identity = await self._home.in_thread(lambda: store.identity)
            reply({"kind": "store", "store": identity})
        elif reply != self._send:
            return  # of a connection that is gone
        elif kind == "pull":
            supply = Supply(store, self._reader, message, self._home.told)
            await self._home.write_anew(texts(message, "documents"))
            self._supply = supply if reply == self._send else None
        elif kind == "applied" and self._supply is not None:
            self._supply.applied(message)
        else:
            raise ValueError(f"kind: {str(kind)[:40]!r} is unknown")

    async def _push(self) -> None:
        supply = self._supply
        if supply is None:
            return
        message = await self._home.in_thread(supply.next)
        if supply is not self._supply:
            return
        self._home.settled(supply.settled)
        if message is not None:
            if message["kind"] == "again":
                self._supply = None
            self._say(message)

    def _say(self, message: dict[str, Any]) -> None:
        if self._send is not None:
            self._send(message)


class _Puller:
    """Asks the peer for what is missing here and applies it."""

    def __init__(
        self,
        replicator: Replicator,
        on_applied: Callable[[list[Record]], None],
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        self._home = replicator
        self._on_applied = on_applied
        self._on_progress = on_progress
        self._inbox: deque[dict[str, Any]] = deque()
        self._wake = asyncio.Event()
        self._send: Send | None = None
        self._intake: Intake | None = None
        self._session = 0
        self._ask = False
        self._afresh = False
        self._documents: Sequence[str] = ()
        self.waits_since: float | None = None
        """Since when (loop time) nothing has come that must come; None while nothing must."""

    def up(self, send: Send) -> None:
        self._inbox.clear()
        self._send, self._intake, self._ask = send, None, True
        self._progress(through=False)
        self._rouse()

    def down(self, why: str) -> None:  # noqa: ARG002  the link tells it
        self._inbox.clear()
        self._send, self._intake, self._ask = None, None, False
        self.waits_since = None

    def heard(self, message: dict[str, Any]) -> None:
        self._inbox.append(message)
        self._rouse()

    def start_over(self, documents: Sequence[str] = ()) -> None:
        self._afresh, self._documents = True, tuple(documents)
        self._ask = self._send is not None
        if self._ask and self.waits_since is None:
            self._progress(through=False)
        self._rouse()

    async def step(self) -> None:
        """Until woken, then everything there is to do; after a fault the peer is asked anew."""
        await self._wake.wait()
        self._wake.clear()
        try:
            await self._work()
        except BaseException:
            self._ask = self._send is not None
            self._wake.set()
            raise

    async def _work(self) -> None:
        while self._ask or self._inbox:
            if self._ask:
                self._inbox.clear()
                self._ask, self._intake = False, None
                identity = await self._home.in_thread(lambda: self._home.store.identity)
                self._say({"kind": "ask", "store": identity})
            else:
                await self._hear(self._inbox.popleft())

    async def _hear(self, message: dict[str, Any]) -> None:
        kind = message.get("kind")
        if kind == "again":
            self.start_over(self._documents)
        elif kind == "store":
            await self._begin(message)
        elif kind == "records" and self._intake is not None:
            await self._take(self._intake, Batch.parse(message))

    async def _begin(self, message: dict[str, Any]) -> None:
        self._session += 1
        afresh, documents, session = self._afresh, self._documents, self._session
        try:
            intake = await self._home.in_thread(lambda: Intake(self._home.store, message, session))
        except CopiedStore:
            self._home.told("both nodes hold copies of one data folder; nothing is replicated between them")
            self._progress(through=True)
            return
        pull = await self._home.in_thread(lambda: intake.pull(documents, afresh=afresh))
        self._afresh, self._documents = False, ()
        self._intake = intake
        self._say(pull)
        self._progress(through=False)
        # Finishing something older may have made this node write, whatever has come into force by it.
        self._home.poke()
        if intake.settled:
            self._on_applied(intake.settled)

    async def _take(self, intake: Intake, batch: Batch) -> None:
        taken = await self._home.in_thread(lambda: intake.take(batch))
        if taken is None:
            return
        won, answer = taken
        self._say(answer)
        self._progress(through=batch.through >= batch.head)
        # Applying may have made this node write: an answer to what the peer has asked for.
        self._home.poke()
        if won:
            self._on_applied(won)
        if self._on_progress is not None:
            self._on_progress(*intake.progress(batch))

    def _say(self, message: dict[str, Any]) -> None:
        if self._send is not None:
            self._send(message)

    def _progress(self, *, through: bool) -> None:
        self.waits_since = None if through or self._send is None else asyncio.get_running_loop().time()

    def _rouse(self) -> None:
        self._home.begin()
        self._wake.set()
