"""TLS on a link, without I/O: both ends show a certificate of the plant's authority, made out to a node.

The link's own frames stay sealed inside it. There is no way back to a plain link: an end with
certificates refuses whoever has none. Names are compared once the other end has proven the plant key and
said who it is, so a certificate names a node and not an address, which may change.
"""

from __future__ import annotations

import ssl
import time
from pathlib import Path
from typing import Any

from redundancy.config import LinkTls
from redundancy.link.frames import Breach, FrameError

_HANDSHAKE, _ALERT = 0x16, 0x15  # the first byte of whatever TLS says before its handshake is done
_PROTOCOL_VERSION = b"\x15\x03\x03\x00\x02\x02\x46"  # the alert that tells a plain end what is wanted
_PIECE = 65536
_EXPIRY_NOTICE = 30 * 86400.0
_LONGEST_NAME = 100
_CERTIFICATE_ALERTS = ("certificate", "unknown ca", "access denied")


class Papers:
    """One node's certificate, key and authority. Read again whenever one of the files has changed.

    So an expired certificate is replaced by putting another one in its place, without a restart.
    """

    def __init__(self, files: LinkTls) -> None:
        self._files = files
        self._read: list[tuple[int, int, int]] = []
        self._contexts: dict[bool, ssl.SSLContext] = {}

    def wire(self, *, server: bool) -> TlsWire:
        """TLS for one new connection. Raises FrameError for files that don't serve."""
        files = self._files
        stamps = [_stamp(path) for path in (files.ca, files.certificate, files.key)]
        if stamps != self._read:
            self._contexts.clear()
            self._read = stamps
        if server not in self._contexts:
            self._contexts[server] = _context(files, server=server)
        return TlsWire(self._contexts[server], server=server)


class TlsWire:
    """One end of one connection: bytes of the link go in and bytes for the socket come out, and back."""

    def __init__(self, context: ssl.SSLContext, *, server: bool) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=server)
        self._server = server
        self._early = b""
        self._begun = False
        self.done = False
        self.names: frozenset[str] = frozenset()
        """Whom the other end's certificate is made out to; nobody before the handshake is done."""
        self.expires = float("inf")
        """When that certificate does, in seconds since 1970."""

    def send(self, plain: bytes) -> bytes:
        """What to write to the socket for it; what comes before the handshake is done is kept till then."""
        if not self.done:
            self._early += plain
            self._shake()
        else:
            self._encrypt(plain)
        return self.pending()

    def receive(self, data: bytes) -> bytes:
        """What the other end has said. Raises FrameError; write `pending` in any case, it says why."""
        if not self._begun and data:
            self._begun = True
            if data[0] not in (_HANDSHAKE, _ALERT):
                self._out.write(_PROTOCOL_VERSION)
                raise FrameError(Breach.TLS, "it speaks without TLS, and this link is never without")
        self._in.write(data)
        if not self.done:
            self._shake()
        return self._decrypt() if self.done else b""

    def pending(self) -> bytes:
        """What TLS itself still has to say."""
        return self._out.read()

    def finish(self) -> None:
        """The connection has ended. Raises FrameError if the one that was called wanted no TLS."""
        if not self.done and not self._server:
            why = "it hung up on the TLS handshake: perhaps its link is without TLS"
            raise FrameError(Breach.TLS, why)

    def _shake(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            raise FrameError(Breach.TLS, _plain(error)) from None
        self.done = True
        certificate: Any = self._tls.getpeercert() or {}
        self.names = _names(certificate)
        self.expires = ssl.cert_time_to_seconds(certificate["notAfter"])
        self._encrypt(self._early)
        self._early = b""

    def _encrypt(self, plain: bytes) -> None:
        rest = memoryview(plain)
        while rest:
            rest = rest[self._tls.write(rest) :]

    def _decrypt(self) -> bytes:
        plain = bytearray()
        while True:
            try:
                piece = self._tls.read(_PIECE)
            except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
                return bytes(plain)
            except ssl.SSLError as error:
                raise FrameError(Breach.TLS, _plain(error)) from None
            if not piece:
                return bytes(plain)
            plain += piece


def disowned(names: frozenset[str], node: str) -> str | None:
    """Why a node that says this name is not believed, None if its certificate names it."""
    if node in names:
        return None
    shown = " and ".join(sorted(name for name in names if name.isprintable())[:3])
    return f"{node} shows a certificate that is made out to {shown[: 3 * _LONGEST_NAME] or 'nobody'}"


def expiring(who: str, expires: float) -> str:
    """What to say of a certificate whose days are counted, "" of another one."""
    left = expires - time.time()
    if left > _EXPIRY_NOTICE:
        return ""
    when = "has expired" if left <= 0 else f"expires in {left / 86400:.0f} days"
    return f"the link's certificate of {who} {when}: without a new one the next connection is refused"


def _context(files: LinkTls, *, server: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3  # both ends are ours
    context.check_hostname = False  # see above: a node is named, not its address
    context.verify_mode = ssl.CERT_REQUIRED
    if server:
        context.num_tickets = 0  # every connection shows its certificate
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except (OSError, ValueError) as error:
        why = f"{files.certificate} and its key {files.key} don't serve: {_words(error)}"
        raise FrameError(Breach.TLS, why) from None
    try:
        context.load_verify_locations(files.ca)
    except (OSError, ValueError) as error:
        raise FrameError(Breach.TLS, f"{files.ca} is no authority: {_words(error)}") from None
    return context


def _no_password() -> str:
    """OpenSSL would ask at the terminal, and wait."""
    raise ValueError("a key with a password can't be used by a node that starts alone")


def _stamp(path: str) -> tuple[int, int, int]:
    try:
        found = Path(path).stat()
    except OSError as error:
        raise FrameError(Breach.TLS, f"{path}: {_words(error)}") from None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _names(certificate: Any) -> frozenset[str]:
    common = {
        value for part in certificate.get("subject", ()) for kind, value in part if kind == "commonName"
    }
    others = {value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"}
    return frozenset(map(str, common | others))


def _plain(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    words = _words(error)
    if words == "peer did not return a certificate":
        return "it shows no certificate"
    _, alert, what = words.partition("alert ")
    if alert and any(sign in what for sign in _CERTIFICATE_ALERTS):
        return f"it does not accept this node's certificate: {what}"
    return f"TLS failed: {what or words}"


def _words(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    return ((error.strerror if isinstance(error, OSError) else None) or str(error)).lower()
