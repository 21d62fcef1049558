"""The peers: where they are installed, and the conversation with each (lines.py).

Each has a folder below `.venv/peers/`, so that their dependencies can quarrel neither with ours nor with
one another's, and the exact versions that the list of their faults is about.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from sparkplug import Payload
from tests.interchange.plain import Plain, from_plain, to_plain

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent.parent / ".venv" / "peers"


class Peer(NamedTuple):
    """name, version: as on its registry. pins: what is installed, itself first."""

    name: str
    version: str
    registry: str
    pins: tuple[str, ...]


PEERS = (
    Peer("pysparkplug", "0.6.1", "PyPI", ("pysparkplug==0.6.1", "paho-mqtt==1.6.1", "protobuf==7.36.2")),
    Peer("tahutils", "0.1.11", "PyPI", ("tahutils==0.1.11", "protobuf==4.25.9")),
    Peer(
        "sparkplug-payload",
        "1.0.3",
        "npm",
        ("sparkplug-payload@1.0.3", "protobufjs@6.11.6", "long@4.0.0", "@types/long@4.0.2"),
    ),
)


class NotInstalled(Exception):
    """The reason, fit for a person."""


class Refused(Exception):
    """The peer's library raised; as it said it."""


class Conversation:
    """A running peer. Used as a context; ends its process."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.detours: list[str] = []
        self._process = subprocess.Popen(
            _command(peer), stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", cwd=HERE
        )

    def __enter__(self) -> Conversation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=10)

    def decode(self, message: str, data: bytes, birth: bytes | None) -> Payload:
        """Raises Refused. Which detours it took is in `detours`."""
        coded = {"payload": _base64(data), "birth": birth and _base64(birth)}
        return from_plain(self.ask({"do": "decode", "message": message, **coded})["payload"])

    def encode(self, message: str, payload: Payload, birth: Payload | None) -> bytes:
        """Raises Refused. Which detours it took is in `detours`."""
        plain = {"payload": to_plain(payload), "birth": birth and to_plain(birth)}
        return base64.b64decode(self.ask({"do": "encode", "message": message, **plain})["payload"])

    def prepare(self, job: str, payload: Payload, data: bytes) -> None:
        """For the bench: the next `rate` is of decoding `data`, or of encoding `payload`."""
        given = _base64(data) if job == "decode" else to_plain(payload)
        self.ask({"do": "prepare", "job": job, "payload": given})

    def rate(self, seconds: float) -> float:
        """Calls per CPU-second of the peer's process."""
        return float(self.ask({"do": "measure", "seconds": seconds})["rate"])

    def ask(self, question: dict[str, Any]) -> Plain:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.peer.name} ended in the middle of a conversation")
        answer: Plain = json.loads(line)
        self.detours = answer.get("detours", [])
        if "error" in answer:
            raise Refused(answer["error"])
        return answer


def install(peer: Peer) -> None:
    """Does nothing where exactly these pins are installed already. Raises NotInstalled."""
    if peer.registry == "npm" and shutil.which("node") is None:
        raise NotInstalled("there is no node on this machine")
    folder = FOLDER / peer.name
    stamp = folder / ".installed"
    wanted = "\n".join(peer.pins)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for command in _installation(peer, folder):
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=600)
        except (OSError, subprocess.SubprocessError) as error:
            said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
            raise NotInstalled(f"{command[0]} failed: {said[-1] if said else error}"[:200]) from error
    stamp.write_text(wanted, encoding="utf-8")


def _installation(peer: Peer, folder: Path) -> list[list[str]]:
    if peer.registry == "PyPI":
        python = str(folder / "bin" / "python")
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.pins]
        return [[sys.executable, "-m", "venv", str(folder)], pip]
    if shutil.which("npm") is None:
        raise NotInstalled("there is no npm on this machine")
    # A package.json of its own, or npm would install into one further up.
    (folder / "package.json").write_text('{"name": "peer", "private": true}', encoding="utf-8")
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--save-exact"]
    return [["npm", "install", *quiet, *peer.pins]]


def _command(peer: Peer) -> list[str]:
    source = HERE / f"peer_{peer.name.replace('-', '_')}"
    if peer.registry == "PyPI":
        return [str(FOLDER / peer.name / "bin" / "python"), str(source.with_suffix(".py"))]
    return ["node", str(source.with_suffix(".js")), str(FOLDER / peer.name / "node_modules")]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
