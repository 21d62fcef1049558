"""One MQTT session on one fresh paho client. Besides it `clients`, `packets` and `unattended` import paho.

paho never reconnects here and never holds a backlog: a new session is a new Connection, ordered by the
core, and what a dead one still had is dropped. Its callbacks do nothing but put a report on a queue,
because some of them run with paho's own locks held.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode

from redundancy.config import Server
from redundancy.mqtt import packets
from redundancy.mqtt.clients import MAX_OUTSTANDING, HandClient, client_for
from redundancy.mqtt.receipts import Receipts, Released, Verdict
from redundancy.mqtt.reports import (
    Acked,
    Kept,
    Lost,
    Message,
    Opened,
    Refused,
    Report,
    Subscribed,
    UserProperties,
)
from redundancy.mqtt.tls import client_context, plain
from redundancy.mqtt.wire import FAREWELL, Wire
from sparkplug.effects import Will

MAX_WAITING = 10_000  # reports that the loop has not taken; beyond it the socket is read more slowly
_BURST = 500  # reports handed on before the loop may do something else
_GRACE = 0.2  # seconds on top of the connect timeout, so that the system's own reason comes first
TOO_LARGE = -2
"""What `Connection.publish` answers to a message that is larger than the server's Maximum Packet Size."""


class Connection:
    """One MQTT session; opened once, closed once. Call everything on `loop`; nothing blocks it.

    `report(connection, report)` runs on the loop. First comes Opened or Refused; after Refused, Lost or
    `close` nothing comes any more. `wait_ended` is for whoever must know that the thread is gone. Without
    `kept` the session begins and ends with the connection. A report may wait `gather` seconds for more of
    them, or until half of what is on its way has been acknowledged; and then whatever is published in one
    turn of the loop goes out with one wake-up: two threads that wake each other for every packet do half as
    much. So many at a time as the owner likes, then, who must heed `Opened.receive_maximum`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        server: Server,
        client_id: str,
        report: Callable[[Connection, Report], None],
        *,
        will: Will | None = None,
        kept: Kept | None = None,
        gather: float = 0.0,
        receipts: Receipts | None = None,
    ) -> None:
        self._loop = loop
        self.server = server
        self._kept = kept
        by_hand = kept is not None and kept.by_hand
        self._receipts = (receipts or Receipts()) if by_hand else None
        self._gather = gather
        self._report = report
        self._inbox: deque[Report | Released] = deque()
        self._hopping = self._hurried = False
        self._room = threading.Event()
        self._outstanding = 0
        self._wire: Wire | None = None
        self._waking = False
        self._largest = packets.LARGEST
        self._farewell = False
        self._over = False  # nothing is reported any more; the thread is to end
        self._ended = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._thread = threading.Thread(target=self._run, name=f"mqtt {client_id}", daemon=True)
        self.client_id = client_id
        self.is_open = False
        self._client = client_for(server, client_id, kept, bursts=gather > 0)
        self._listen(True)
        if will is not None:
            self._client.will_set(will.topic, will.payload, will.qos, will.retain)

    def open(self) -> None:
        """Connect. Opened or Refused follows within the server's connect timeout and a little."""
        if self._over:
            return
        patience = self.server.connect_timeout + _GRACE
        self._timer = self._loop.call_later(patience, self._give_up)
        self._thread.start()

    def publish(
        self, topic: str, payload: bytes, qos: int = 0, retain: bool = False, user: UserProperties = ()
    ) -> int:
        """The message's id, by which it will be Acked; -1 if there is no session or it is choked, `TOO_LARGE`
        if the server takes nothing as large.

        `user` travels with MQTT 5 only.
        """
        if not self.is_open or self._outstanding >= MAX_OUTSTANDING:
            return -1
        properties = packets.publish_properties(user, self.server.version)
        if packets.publish_size(topic, payload, qos, properties) > self._largest:
            return TOO_LARGE
        info = self._client.publish(topic, payload, qos, retain, properties)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return -1
        self._outstanding += 1
        if self._gather and not self._waking:
            self._waking = True
            self._loop.call_soon(self._wake)
        return info.mid

    def _wake(self) -> None:
        self._waking = False
        self._client.wake()

    def acknowledge(self, message: Message) -> None:
        """A message is taken (`Kept.by_hand`); said in the order in which they came.

        It may have come on an earlier connection with the same `receipts`; the server is told when it can be.
        """
        if message.qos and self._receipts is not None and self._receipts.taken(message):
            self._answer(message)

    def _answer(self, message: Message) -> None:
        if not self.is_open:
            return
        if message.qos == 2 and isinstance(self._client, HandClient):
            self._client.received(message.mid)
        else:
            self._client.ack(message.mid, message.qos)

    def subscribe(self, filters: Sequence[tuple[str, int]]) -> int:
        """The request's id, by which it will be Subscribed; -1 if there is no session."""
        if not self.is_open:
            return -1
        code, mid = self._client.subscribe(list(filters))
        return mid if mid is not None and code == MQTTErrorCode.MQTT_ERR_SUCCESS else -1

    def unsubscribe(self, filters: Sequence[str]) -> None:
        """Want these no longer. What is on its way still comes."""
        if self.is_open and filters:
            self._client.unsubscribe(list(filters))

    def close(self, clean: bool = True, *, with_will: bool = False) -> None:
        """End the session; nothing is reported any more.

        Clean: DISCONNECT after what was published, so that the server forgets the Will; or, `with_will` and
        MQTT 5, publishes it all the same (reason 0x04). Otherwise the socket is cut, what was not sent is
        dropped, and the server publishes the Will.
        """
        if self._farewell and clean:
            return  # it is being written
        was_open = self.is_open
        self._finish()
        if clean and was_open:
            self._farewell = True
            self._client.disconnect(self._reason(with_will))
            self._timer = self._loop.call_later(FAREWELL, self._cut)
        else:
            self._cut()
        if self._thread.ident is None:  # it was never opened
            self._ended.set()

    @property
    def ended(self) -> bool:
        """Whether the thread is gone and the socket closed."""
        return self._ended.is_set()

    async def wait_ended(self) -> None:
        """Until the thread has ended and the socket is closed."""
        await self._ended.wait()

    def _reason(self, with_will: bool) -> packets.ReasonCode | None:
        return packets.disconnect_with_will() if with_will and self.server.version >= packets.V5 else None

    def _listen(self, on: bool) -> None:
        """Have the client's callbacks come here, or no longer.

        An ended client that still knew its listener would keep its pair of sockets until the next collection.
        """
        client = self._client
        client.on_socket_open = self._on_socket_open if on else None
        client.on_socket_close = self._on_socket_close if on else None
        # With this callback set, publish() wakes the client's thread and does not write in the caller's.
        client.on_socket_register_write = _leave_it_to_the_thread if on else None
        client.on_connect = self._on_connect if on else None
        client.on_disconnect = self._on_disconnect if on else None
        client.on_message = self._on_message if on else None
        client.on_publish = self._on_publish if on else None
        client.on_subscribe = self._on_subscribe if on else None
        if isinstance(client, HandClient):
            client.on_release = self._on_release if on else None

    # The client's own thread

    def _run(self) -> None:
        try:
            self._hop(Lost(self._serve()))
        except TimeoutError:
            self._hop(Refused(self._silence()))
        except (OSError, ValueError) as error:  # from connect(): loop() swallows its own
            self._hop(Refused(plain(error)))
        except Exception as error:  # noqa: BLE001  the outermost frame of this thread; a dead one must be told
            self._hop(Lost(f"the client failed: {error!r}"))
        finally:
            self._client.drop_out_messages()
            self._listen(False)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._ended.set)

    def _serve(self) -> str:
        """Connect and pump until the socket is gone; answers why."""
        client, server = self._client, self.server
        if server.tls is not None:
            client.tls_set_context(client_context(server.tls))
        keep_alive = max(1, server.keep_alive * 3 // 4)  # paho notices a silent server after twice that
        v5 = packets.connect_options(self._kept) if server.version >= packets.V5 else {}
        client.connect(server.host, server.port, keep_alive, **v5)
        if self._over:
            self._cut()
        code = MQTTErrorCode.MQTT_ERR_SUCCESS
        # Not loop_forever(): without a pair of sockets to wake it, a publish would wait for its select.
        while code == MQTTErrorCode.MQTT_ERR_SUCCESS:
            code = client.loop(0.25)  # which is also how exactly a silent server is noticed
        return str(code.name).removeprefix("MQTT_ERR_").replace("_", " ").lower()

    def _on_socket_open(self, _client: Client, _userdata: Any, wire: Any) -> None:
        self._wire = Wire(wire, self.server.keep_alive)

    def _on_socket_close(self, _client: Client, _userdata: Any, _wire: Any) -> None:
        if self._wire is not None:
            self._wire.close(farewell=self._farewell)

    def _on_connect(
        self,
        _client: Client,
        _userdata: Any,
        flags: ConnectFlags,
        code: packets.ReasonCode,
        more: packets.Properties | None,
    ) -> None:
        if code.is_failure:
            self._hop(Refused(str(code).lower()))
        else:
            limits = packets.receive_maximum(more), packets.largest(more)
            self._hop(Opened(bool(flags.session_present), *limits))

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: Any,
        flags: DisconnectFlags,
        code: packets.ReasonCode,
        _more: packets.Properties | None,
    ) -> None:
        why = "the server ended the session: " if flags.is_disconnect_packet_from_server else ""
        self._hop(Lost(why + str(code).lower()))

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # a server that passes on such a topic is broken; the message has no address
        if len(self._inbox) >= MAX_WAITING:
            # Reading more slowly lets TCP hold back the server; never for so long that pings starve.
            self._room.clear()
            self._room.wait(0.2)
        user = packets.user_properties(message.properties)
        payload, again = bytes(message.payload), message.dup
        self._hop(Message(topic, payload, message.qos, message.retain, message.mid, user, again))

    def _on_release(self, mid: int) -> None:
        self._hop(Released(mid))

    def _on_publish(
        self, _client: Client, _userdata: Any, mid: int, code: packets.ReasonCode, _more: packets.Properties
    ) -> None:
        self._hop(Acked(mid, code.value))

    def _on_subscribe(
        self,
        _client: Client,
        _userdata: Any,
        mid: int,
        codes: list[packets.ReasonCode],
        _more: packets.Properties | None,
    ) -> None:
        self._hop(Subscribed(mid, tuple(code.value for code in codes)))

    def _hop(self, report: Report | Released) -> None:
        """Queue a report and wake the loop, once per burst."""
        if self._over:
            return
        self._inbox.append(report)
        first, self._hopping = not self._hopping, True
        half = self._gather > 0 and isinstance(report, Acked) and len(self._inbox) * 2 >= self._outstanding
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            if self._gather and first and not half:
                self._loop.call_soon_threadsafe(self._loop.call_later, self._gather, self._hand_on)
            elif first or (half and not self._hurried):
                self._hurried = True
                self._loop.call_soon_threadsafe(self._hand_on)

    # On the loop

    def _hand_on(self) -> None:
        self._hopping = self._hurried = False
        for _ in range(_BURST):
            if self._over or not self._inbox:
                break
            self._sort(self._inbox.popleft())
        else:
            self._hopping = True
            self._loop.call_soon(self._hand_on)
        self._room.set()

    def _sort(self, report: Report | Released) -> None:
        """What is between the server and us stays here; everything else is reported."""
        receipts = self._receipts
        if isinstance(report, Released):
            if receipts is not None and isinstance(self._client, HandClient):
                receipts.released(report.mid)
                self._client.complete(report.mid)
        elif receipts is None or not isinstance(report, Message) or not report.qos:
            self._tell(report)
        else:
            match receipts.arrived(report):
                case Verdict.REPORT:
                    self._tell(report)
                case Verdict.ACKNOWLEDGE:
                    self._answer(report)

    def _tell(self, report: Report) -> None:
        if isinstance(report, Acked):
            self._outstanding -= 1
        elif isinstance(report, Opened):
            self.is_open = True
            self._largest = report.largest
            self._stop_timer()
            if self._receipts is not None:
                self._receipts.begin(report.resumed)
        elif isinstance(report, Refused | Lost):
            refused = isinstance(report, Lost) and not self.is_open
            self._finish()
            self._cut()
            report = Refused(f"it hung up: {report.why}") if refused else report
        self._report(self, report)

    def _give_up(self) -> None:
        self._hand_on()
        if not self._over and not self.is_open:
            self._tell(Refused(self._silence()))

    def _silence(self) -> str:
        return f"{self.server.host}:{self.server.port} does not answer"

    def _finish(self) -> None:
        self._over = True
        self.is_open = False
        if self._receipts is not None:
            self._receipts.away()
        self._stop_timer()
        self._inbox.clear()
        self._room.set()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cut(self) -> None:
        """End the socket under the client's thread, which then closes it with a reset."""
        self._stop_timer()
        if self._wire is not None:
            self._wire.cut()


def _leave_it_to_the_thread(_client: Client, _userdata: Any, _sock: Any) -> None:
    """The client's thread is awake already and finds what is to be written."""
