"""Where the foreign edge nodes run: beside the codecs of tests.interchange, with versions of their own."""

from __future__ import annotations

from pathlib import Path

from tests.interchange.peers import FOLDER, PEERS, Peer, install

HERE = Path(__file__).resolve().parent
CLIENT = Peer(
    "sparkplug-client",
    "3.2.4",
    "npm",
    ("sparkplug-client@3.2.4", "sparkplug-payload@1.0.3", "mqtt@4.3.8", "protobufjs@6.11.6"),
)
PYSPARKPLUG = next(peer for peer in PEERS if peer.name == "pysparkplug")
EDGES = (PYSPARKPLUG, CLIENT)


def command(peer: Peer) -> tuple[list[str], Path]:
    """What starts the edge node, and where. Raises NotInstalled."""
    install(peer)
    folder = FOLDER / peer.name
    if peer.registry == "npm":
        return ["node", str(HERE / "edge_sparkplug_client.js")], folder
    return [str(folder / "bin" / "python"), str(HERE / "edge_pysparkplug.py")], folder
