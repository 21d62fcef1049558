"""An edge node as its users would write one with pysparkplug. Runs in an environment of its own.

python edge_pysparkplug.py HOST PORT OTHER_PORT USERNAME PASSWORD GROUP EDGE
"""

import sys
import time

from pysparkplug import Client, DataType, EdgeNode, Metric, get_current_timestamp


def metric(name: str, value: int) -> Metric:
    return Metric(timestamp=get_current_timestamp(), name=name, datatype=DataType.INT64, value=value)


def commanded(edge: EdgeNode, message) -> None:  # type: ignore[no-untyped-def]
    """Take what is ordered, and say so."""
    known = [one for one in message.payload.metrics if one.name == "Setpoint"]
    if known:
        edge.update([metric("Setpoint", known[0].value)])


def main() -> None:
    # The library knows one server and no primary host: the other port is not used.
    host, port, _, username, password, group, name = sys.argv[1:]
    client = Client(f"{group}-{name}", username=username, password=password)
    edge = EdgeNode(group, name, [metric("Counter", 0), metric("Setpoint", 1)], client, commanded)
    edge.connect(host, port=int(port), keepalive=5)
    count = 0
    while True:
        time.sleep(0.2)
        count += 1
        try:
            edge.update([metric("Counter", count)])
        except Exception as error:
            print(error, flush=True)


main()
