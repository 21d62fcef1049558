"""Motors and pumps: template definitions, instances, and an edge node that is born with them."""

from __future__ import annotations

from sparkplug import (
    DataType,
    Metric,
    Parameter,
    Template,
)
from tests.sparkplug.edge_scene import STATE, waiting
from tests.sparkplug.scene import (
    START,
    at,
    state,
)


def speed(value: object = 0, **more: object) -> Metric:
    return Metric("Speed", DataType.Int16, value, START)._replace(**more)  # type: ignore[arg-type]


def member(name: str, datatype: DataType, value: object) -> Metric:
    return Metric(name, datatype, value, START)  # type: ignore[arg-type]


def defined(name: str, *members: Metric, parameters: tuple[Parameter, ...] = ()) -> Metric:
    template = Template(members, parameters, None, "1.0", is_definition=True)
    return Metric(name, DataType.Template, template, START)


def instance(name: str, reference: str, *members: Metric, **more: object) -> Metric:
    return Metric(name, DataType.Template, Template(members, (), reference)._replace(**more), START)


MOTOR = defined(
    "Motor",
    speed(),
    member("Name", DataType.String, "?"),
    parameters=(Parameter("Poles", DataType.UInt8, 4),),
)
PUMP = defined("Pump", instance("Drive", "Motor"), member("Running", DataType.Boolean, False))
DRIVE = instance("Drive", "Motor", speed(5), member("Name", DataType.String, "m"))
P1 = instance("P1", "Pump", DRIVE, member("Running", DataType.Boolean, True))
M1 = instance("M1", "Motor", speed(-7), member("Name", DataType.String, "one"))


def born_edge(node=(PUMP, MOTOR), devices=None, **settings):
    """An edge node that is online, and the effects of its birth."""
    session = waiting(**settings)
    session.receive(STATE, state(True, START), at(0))
    return session, session.birth(node, {"Device 1": (P1, M1)} if devices is None else devices, at(0))


def named(metrics) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


def inside(metric: Metric) -> dict[str, Metric]:
    assert isinstance(metric.value, Template)
    return named(metric.value.metrics)
