"""The command line of `manage.py node try`. Defaults and checks are those of `wishes`."""

from __future__ import annotations

from argparse import ArgumentParser

from hmi.trial.wishes import PASSWORD


def add(parser: ArgumentParser) -> None:
    """`host` and `edge` below `parser`; what was not given is None."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="host|edge")
    host = kinds.add_parser("host", help="a Sparkplug host application (MQTT Engine)")
    host.add_argument("--host-id", help="Primary, if not said")
    host.add_argument("--reorder-timeout", type=float, metavar="SECONDS", help="before a rebirth: 2")
    edge = kinds.add_parser("edge", help="Sparkplug edge nodes (MQTT Transmission)")
    edge.add_argument("--group", help="Group 1, if not said")
    edge.add_argument("--edge", action="append", metavar="NAME", help="again for more edge nodes; Edge 1")
    edge.add_argument("--device", action="append", metavar="NAME", help="again for more; Device 1")
    edge.add_argument(
        "--tag", action="append", metavar="NAME:TYPE=VALUE", help="'Tag 1:Int32=10'; again for more"
    )
    edge.add_argument("--host-id", help="be born only while this host is online; without it, at once")
    edge.add_argument("--aliases", action="store_true", default=None, help="metrics have aliases")
    edge.add_argument(
        "--state-wait", type=float, metavar="SECONDS", help="for STATE, then the next server: 3"
    )
    edge.add_argument("--startup-delay", type=float, metavar="SECONDS", help="each waits a random part: 0")
    for kind in (host, edge):
        _common(kind)


def _common(parser: ArgumentParser) -> None:
    parser.add_argument("--url", help="the MQTT server: mqtt://host:1883")
    parser.add_argument("--server", action="append", metavar="URL", help="a further server; again for more")
    parser.add_argument("--mqtt-version", metavar="3.1.1|5")
    parser.add_argument("--username")
    parser.add_argument("--password-file", metavar="F", help=f"else the environment's {PASSWORD}")
    parser.add_argument("--ca", metavar="PEM", help="certificates to believe; else the system's")
    parser.add_argument("--certificate", metavar="PEM", help="this client's own")
    parser.add_argument("--key", metavar="PEM", help="and its key")
    parser.add_argument("--keep-alive", type=int, metavar="SECONDS")
    parser.add_argument("--legacy-state", action="store_true", default=None, help="STATE/<host id>, too")
    parser.add_argument("--dir", help="keep the node there for the next time; else it goes at the end")
    parser.add_argument("--http", metavar="HOST:PORT", help="its pages; 127.0.0.1:8090, an edge's 8091")
    parser.add_argument("--file", metavar="TOML", help="all of this in a file, without the dashes")
