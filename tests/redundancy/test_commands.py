"""Commands and their echoes."""

import asyncio
import math

from redundancy.host.commands import Commands, same
from redundancy.ports import Answer
from sparkplug import DataSet, DataType, EdgeNodeId, Metric, Template, Value, coerce

EDGE = EdgeNodeId("Group 1", "Edge 1")
KEY = (EDGE, "Device 1", "Tag 1")


def data(value: Value, **more: bool) -> list[Metric]:
    return [Metric("Tag 1", DataType.Int32, value, 1, **more)]


async def test_an_order_is_confirmed_by_the_value_that_was_asked_for() -> None:
    commands = Commands(lambda _: None)
    order = commands.place(KEY, 42)
    commands.echo(EDGE, "Device 1", data(41))
    assert not order.answer.done()
    commands.echo(EDGE, "Device 1", data(42))
    assert (await commands.outcome(order, 1.0)).outcome is Answer.CONFIRMED


async def test_without_an_echo_nobody_knows() -> None:
    commands = Commands(lambda _: None)
    outcome = await commands.outcome(commands.place(KEY, 42), 0.05)
    assert outcome.outcome is Answer.UNKNOWN
    assert outcome.detail == "no echo within 0.05 s"


async def test_neither_a_historical_value_nor_another_device_is_an_echo() -> None:
    commands = Commands(lambda _: None)
    order = commands.place(KEY, 42)
    commands.echo(EDGE, "Device 1", data(42, is_historical=True))
    commands.echo(EDGE, "Device 2", data(42))
    commands.echo(EDGE, None, data(42))
    assert (await commands.outcome(order, 0.02)).outcome is Answer.UNKNOWN


async def test_two_orders_for_one_metric_each_wait_for_their_own_value() -> None:
    commands = Commands(lambda _: None)
    first, second = commands.place(KEY, 1), commands.place(KEY, 2)
    waits = [asyncio.create_task(commands.outcome(order, 0.2)) for order in (first, second)]
    commands.echo(EDGE, "Device 1", data(2))
    outcomes = await asyncio.gather(*waits)
    assert [one.outcome for one in outcomes] == [Answer.UNKNOWN, Answer.CONFIRMED]


async def test_an_edge_that_dies_before_its_echo_leaves_the_outcome_unknown() -> None:
    commands = Commands(lambda _: None)
    order = commands.place(KEY, 42)
    commands.give_up("it died", EdgeNodeId("Group 1", "Edge 2"))
    assert not order.answer.done()
    commands.give_up("it died", EDGE)
    assert (await commands.outcome(order, 1.0)).detail == "it died"


def test_an_array_and_a_table_are_compared_value_by_value() -> None:
    assert same((1, 2), (1, 2))
    assert not same((1, 2), (1, 2, 3))
    assert not same((0, 1), (False, True))
    assert same((math.nan,), (float("nan"),))
    table = DataSet(("a",), (DataType.Double,), ((math.nan,),))
    assert same(table, DataSet(("a",), (DataType.Double,), ((float("nan"),),)))
    assert not same(table, DataSet(("b",), (DataType.Double,), ((math.nan,),)))


def test_a_template_echoes_the_members_that_were_written_and_may_carry_more() -> None:
    def motor(**members: Value) -> Template:
        return Template(
            tuple(Metric(name, DataType.Int32, value) for name, value in members.items()), reference="Motor"
        )

    assert same(motor(speed=1), motor(name="m", speed=1))
    assert not same(motor(speed=1), motor(speed=2))
    assert not same(motor(speed=1), motor(name="m"))
    assert not same(motor(speed=1), motor(speed=1)._replace(reference="Pump"))
    assert same(motor(inside=motor(speed=1)), motor(inside=motor(speed=1, other=2)))


def test_a_float_is_compared_as_its_32_bits_and_nan_echoes_nan() -> None:
    assert same(coerce(DataType.Float, 0.1), coerce(DataType.Float, 0.1))
    assert not same(coerce(DataType.Float, 0.1), 0.1)
    assert same(math.nan, math.nan)
    assert not same(1, True)
    assert not same("1", 1)
