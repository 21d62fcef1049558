"""Views and identities that several tests look at."""

from redundancy.config import Endpoint, NodeConfig, Peer, Role
from redundancy.core.view import PeerView, WitnessView
from redundancy.ports import GatewayView


def node(name="primary-master", role=Role.MASTER):
    peer = Peer("primary-backup", Endpoint("127.0.0.1", 25002), "http://127.0.0.1:25004")
    return NodeConfig(
        gateway="Primary",
        node=name,
        role=role,
        link=Endpoint("127.0.0.1", 25001),
        http=Endpoint("127.0.0.1", 25003),
        url="http://127.0.0.1:25003",
        plant_key=b"k" * 32,
        peer=peer,
    )


def view(state="Active", *, epoch=3, lease_until=1e15, peer_state="Standby", peer_connected=True, **more):
    told = {
        "gateway": "Primary",
        "node": "primary-master",
        "role": "Master",
        "state": state,
        "epoch": epoch,
        "why": "holds the lease",
        "since": 1.0,
        "lease_until": lease_until,
        "cause": "start",
        "peer": PeerView("primary-backup", peer_connected, peer_state, epoch, 2.0, "v1", True),
        "witness": WitnessView(True, True, 2.0),
        "policy": "safety",
        "switch_pending": False,
        "warnings": (),
        "modules": {"engine": "Running"},
        "config_version": "v1",
        "lag": 0,
        "servers": {"Chariot SCADA": True},
        "edges": {},
        "troubles": {"payload": 2},
    }
    return GatewayView(**(told | more))
