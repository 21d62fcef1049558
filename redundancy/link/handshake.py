"""How two ends of a link prove the plant key to each other, without I/O.

    dialer -> listener   {"version", "hello", "channel", "nonce"}
    listener -> dialer   {"version", "hello", "nonce"}
    listener -> dialer   {"proof"}              HMAC(plant key, "listener" + both hellos as sent)
    dialer -> listener   {"proof"}              HMAC(plant key, "dialer" + both hellos as sent)
    listener -> dialer   sealed {"welcome"}     from here on every frame is sealed

Either end may say {"refused": why} in place of its next frame. Both nonces are in what is signed, so no
old proof fits; the two directions use different keys, so nothing can be reflected. The keys of the
session come from the plant key and both nonces. Who the other end claims to be is judged only once it
has proven the key: a stranger can't make a node believe that its pair is set up wrongly.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from redundancy.link.frames import LIMITS, Breach, FrameError, Opener, Sealer, from_body, pack, to_body
from redundancy.link.speaker import Speaker

VERSION = 1
NONCE_SIZE = 32

# Why a proven speaker is not accepted on that channel, or None if it is.
Admit = Callable[[Speaker, str], str | None]


class Refusal(FrameError):
    """The handshake is over without a link. `farewell` is still to be sent before the socket closes.

    `proven` says that the other end holds the plant key, so that what it says about itself is true.
    """

    def __init__(self, breach: Breach, reason: str, farewell: bytes = b"", *, proven: bool = False) -> None:
        super().__init__(breach, reason)
        self.farewell = farewell
        self.proven = proven


class _Due(Enum):
    HELLO = auto()
    LISTENER_PROOF = auto()
    DIALER_PROOF = auto()
    WELCOME = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Terms:
    """What one end brings along: its identity, the plant key, whom it admits, a fresh random nonce."""

    me: Speaker
    key: bytes
    admit: Admit
    nonce: bytes


class Handshake:
    """One end of one handshake. A dialer names its channel; a listener learns it from the hello.

    `receive` takes a frame and answers what to send; when `done`, `peer`, `channel`, `sealer` and
    `opener` are set.
    """

    def __init__(self, terms: Terms, channel: str | None) -> None:
        self._terms = terms
        self._dials = channel is not None
        self._due = _Due.HELLO
        self._hellos = b""
        self.channel = channel or ""
        self.peer: Speaker | None = None
        self.sealer: Sealer
        self.opener: Opener

    @property
    def done(self) -> bool:
        """Both ends have proven the key and accept each other."""
        return self._due is _Due.NOTHING

    def opening(self) -> bytes:
        """What this end says unasked: the dialer's hello, nothing from a listener."""
        return self._hello() if self._dials else b""

    def receive(self, frame: bytes) -> bytes:
        """Take the next frame. Raises Refusal."""
        if self._due is _Due.WELCOME:
            return self._welcomed(frame)
        message = self._in_clear(frame)
        if self._due is _Due.HELLO:
            return self._greeted(message, frame)
        if self._due is _Due.LISTENER_PROOF:
            return self._listener_proved(message)
        return self._dialer_proved(message)

    def opened(self, frame: bytes) -> dict[str, Any]:
        """A sealed message once all is `done`. Raises FrameError, or Refusal if it refuses this node."""
        message = self.opener.open(frame)
        if message.keys() == {"refused"}:
            why = f"{self.peer} refuses this node: {_printable(message['refused'])}"
            raise Refusal(Breach.WRONG_PEER, why, proven=True)
        return message

    def _in_clear(self, frame: bytes) -> dict[str, Any]:
        try:
            message = from_body(frame)
        except FrameError as error:
            raise Refusal(error.breach, error.reason) from None
        if "refused" in message:
            told = message.get("breach")
            breach = Breach.KEY if told == Breach.KEY else Breach.GARBAGE
            raise Refusal(breach, f"it refuses this node: {_printable(message['refused'])}")
        return message

    def _greeted(self, message: dict[str, Any], frame: bytes) -> bytes:
        if message.get("version") != VERSION:
            theirs = _printable(message.get("version"))
            raise self._refuse(Breach.VERSION, f"link version {theirs} does not fit this node's {VERSION}")
        try:
            self.peer = Speaker.parse(message.get("hello"))
            _unhex(message, "nonce", NONCE_SIZE)
            if not self._dials:
                self.channel = _channel(message)
        except ValueError as error:
            raise self._refuse(Breach.GARBAGE, str(error)) from None
        if self._dials:
            self._hellos += pack(frame)
            self._due = _Due.LISTENER_PROOF
            return b""
        self._hellos = pack(frame)
        hello = self._hello()
        self._due = _Due.DIALER_PROOF
        return hello + pack(to_body({"proof": self._digest("listener").hex()}))

    def _listener_proved(self, message: dict[str, Any]) -> bytes:
        self._verify(message, "listener")
        self._derive(mine="dialer", theirs="listener")
        proof = pack(to_body({"proof": self._digest("dialer").hex()}))
        self._judge(proof)
        self._due = _Due.WELCOME
        return proof

    def _dialer_proved(self, message: dict[str, Any]) -> bytes:
        self._verify(message, "dialer")
        self._derive(mine="listener", theirs="dialer")
        self._judge(b"")
        self._due = _Due.NOTHING
        return self.sealer.seal({"welcome": True})

    def _welcomed(self, frame: bytes) -> bytes:
        try:
            message = self.opener.open(frame)
        except FrameError as error:
            # A listener that could not verify this end's proof has no session key to seal its answer with.
            self._in_clear(frame)
            raise Refusal(error.breach, error.reason) from None
        if message.get("welcome") is not True:
            why = f"{self.peer} refuses this node: {_printable(message.get('refused'))}"
            raise Refusal(Breach.WRONG_PEER, why, proven=True)
        self._due = _Due.NOTHING
        return b""

    def _verify(self, message: dict[str, Any], side: str) -> None:
        try:
            proof = _unhex(message, "proof", hashlib.sha256().digest_size)
        except ValueError as error:
            raise self._refuse(Breach.GARBAGE, str(error)) from None
        if not hmac.compare_digest(proof, self._digest(side)):
            raise self._refuse(Breach.KEY, "the plant keys differ")

    def _judge(self, proof: bytes) -> None:
        """Is the proven peer the one that is wanted? If not, it hears why, under seal."""
        assert self.peer is not None
        why = self._terms.admit(self.peer, self.channel)
        if why is not None:
            farewell = proof + self.sealer.seal({"refused": why})
            raise Refusal(Breach.WRONG_PEER, why, farewell, proven=True)

    def _derive(self, *, mine: str, theirs: str) -> None:
        limit = LIMITS[self.channel]
        self.sealer = Sealer(self._digest(f"session of the {mine}"))
        self.opener = Opener(self._digest(f"session of the {theirs}"), limit)

    def _digest(self, purpose: str) -> bytes:
        return hmac.digest(self._terms.key, purpose.encode() + b"\0" + self._hellos, hashlib.sha256)

    def _hello(self) -> bytes:
        message: dict[str, Any] = {
            "version": VERSION,
            "hello": self._terms.me.to_wire(),
            "nonce": self._terms.nonce.hex(),
        }
        if self._dials:
            message["channel"] = self.channel
        frame = pack(to_body(message))
        self._hellos += frame
        return frame

    def _refuse(self, breach: Breach, why: str) -> Refusal:
        return Refusal(breach, why, pack(to_body({"refused": why, "breach": breach.value})))


def _channel(message: dict[str, Any]) -> str:
    channel = message.get("channel")
    if not isinstance(channel, str) or channel not in LIMITS:
        raise ValueError("hello.channel: is unknown")
    return channel


def _unhex(message: dict[str, Any], field: str, size: int) -> bytes:
    value = message.get(field)
    try:
        data = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        data = b""
    if len(data) != size:
        raise ValueError(f"{field}: is not {size} bytes in hexadecimal")
    return data


def _printable(text: object) -> str:
    """A stranger's words, fit for a log line."""
    return "".join(character for character in str(text)[:160] if character.isprintable())
