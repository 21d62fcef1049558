"""A component's log file: what stands in it, how its facet steers it, and that no disk can stop the data."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hmi.tags.value import Quality
from hmi.worker.adapter.logs import AdapterLogs, file_name, unset
from redundancy.adapter.ground import TRACE
from sparkplug import DataType, Metric, Payload, encode
from tests.hmi.worker.adapter.station import Station, component, stream
from tests.hmi.worker.gateways import view
from tests.redundancy.brokers import PASSWORD, Broker, running
from tests.redundancy.bystanders import Watcher
from tests.waiting import until, wait_for

QUICK = {"holdOff": 0.2, "firstPause": 0.1, "longestPause": 0.5}
MARK = "mark-of-a-payload"


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[AdapterLogs]:
    logs = AdapterLogs(tmp_path)
    yield logs
    logs.close()


def lines(folder: Path, name: str = "Line 1.log") -> list[str]:
    file = folder / "logs" / name
    return file.read_text().splitlines() if file.exists() else []


def says(folder: Path, level: str, *words: str) -> bool:
    return any(f" {level} " in line and all(word in line for word in words) for line in lines(folder))


def steered(**facet: Any) -> dict[str, dict[str, Any]]:
    return {"one": unset() | facet}


async def talking(broker: Broker, name: str) -> Watcher:
    plc = Watcher(broker.server(), name)
    await until(lambda: plc.connection.is_open)
    return plc


# -- a real component


async def test_a_failover_and_the_way_back_stand_in_the_log_with_reasons(
    station: Station, broker: Broker, tmp_path: Path
) -> None:
    with running("distributor", tmp_path) as first:
        facets = {"failover": QUICK}
        made = component(first, stream("a"), further=[broker.port], facets=facets)
        station.configure(made)
        station.act()
        other = f"server {broker.port}"
        await until(lambda: says(tmp_path, "Information", f"{other}: stands by"), "the second one stands by")
        await asyncio.to_thread(first.kill)
        await until(lambda: says(tmp_path, "Information", f"data come from {other}"), "the failover")
        await asyncio.to_thread(first.start)
        await until(
            lambda: says(tmp_path, "Information", "data come from dataSource: back at"), "the way back"
        )
    said = lines(tmp_path)
    said_first = [line.partition("Z ")[2].partition(" ")[2].strip() for line in said[:5]]
    assert said_first[0] == "1 streams are selected"
    assert said_first[1] == "begins: a component of type MQTT"
    assert said_first[2].startswith("this node acts; servers in order, mode failover: dataSource (127.0.0.1:")
    assert said_first[3] == f"dataSource: connecting to 127.0.0.1:{first.port}"
    assert says(tmp_path, "Information", "dataSource: connected, the subscriptions are granted")
    assert says(tmp_path, "Warning", "no data come: dataSource is lost:")
    assert not any(" Debug " in line for line in said)


async def test_stop_start_a_change_of_node_and_the_end_are_told(
    station: Station, broker: Broker, tmp_path: Path
) -> None:
    station.configure(component(broker, stream("a")))
    station.act()
    station.configure(component(broker, stream("a"), running=False))
    station.configure(component(broker, stream("a")))
    station.adapter.follow(view("Standby"))
    await station.adapter.close()
    said = "\n".join(lines(tmp_path))
    told = ("it was stopped", "its settings have changed; servers", "this node reads no longer", "ends with")
    places = [said.find(each) for each in told]
    assert -1 not in places, said
    assert places == sorted(places)


async def test_a_sparkplug_component_tells_of_its_edge_nodes_and_of_its_state(
    station: Station, broker: Broker, tmp_path: Path
) -> None:
    host, debugging = {"primaryHostId": "Historian"}, {"logging": {"logLevel": "Debug"}}
    station.configure(component(broker, type="MQTTSparkplugB", source=host, facets=debugging))
    station.act()
    await until(lambda: says(tmp_path, "Information", "dataSource: connected, listens there"), "a session")
    press = await talking(broker, "press")
    now = time.time_ns() // 1_000_000
    bd_seq = Metric("bdSeq", DataType.Int64, 0, now)
    await press.say("spBv1.0/Plant/NBIRTH/Press", encode(Payload(now, (bd_seq,), seq=0)))
    force = Metric("Force", DataType.Float, 1.5, now)
    await press.say("spBv1.0/Plant/DBIRTH/Press/Ram", encode(Payload(now, (force,), seq=1)))
    await press.say("spBv1.0/Plant/NDEATH/Press", encode(Payload(now, (bd_seq,))))
    await until(lambda: says(tmp_path, "Information", "edge node Plant/Press: stale"), "the death")
    press.connection.close()
    station.adapter.follow(view("Standby"))
    await until(lambda: says(tmp_path, "Information", "this node acts no longer: "), "the end of the role")
    assert not [line for line in lines(tmp_path) if " Warning " in line]
    said = "\n".join(lines(tmp_path))
    told = (
        "begins: a component of type MQTTSparkplugB",
        "this node acts, and speaks STATE",
        f"connecting to dataSource (127.0.0.1:{broker.port})",
        "edge node Plant/Press: born at dataSource with 1 metrics",
        "device Plant/Press/Ram: born with 1 metrics",
        "edge node Plant/Press: stale: ",
        "this node acts no longer: ",
    )
    places = [said.find(each) for each in told]
    assert -1 not in places, said
    assert places == sorted(places), said


async def test_a_bad_stream_is_named_once_and_its_payload_stays_out_of_the_log(
    station: Station, broker: Broker, tmp_path: Path
) -> None:
    station.configure(component(broker, stream("kiln"), stream("mill", topic="mill")))
    station.act()
    await until(lambda: station.value("Status")[0] == "Connected / No Data", "a session")
    plc = await talking(broker, "plc 1")
    for _ in range(3):
        await plc.say("kiln", f'{{"t": "{MARK}"}}'.encode())
    await plc.say("mill", b'{"u": 1}')
    await until(lambda: says(tmp_path, "Warning", "stream mill: the payload has no $.t"), "the fault")
    assert len([line for line in lines(tmp_path) if "what came is no value for Double" in line]) == 1
    assert MARK not in "\n".join(lines(tmp_path))
    assert not any(MARK in trouble for trouble in station.troubles)
    debugging = {"logging": {"logLevel": "Debug"}}
    station.configure(component(broker, stream("kiln"), stream("mill", topic="mill"), facets=debugging))
    await plc.say("kiln", f'{{"t": "{MARK}"}}'.encode())
    await until(lambda: says(tmp_path, "Debug", MARK), "the reason with the value")
    plc.connection.close()


async def test_no_level_tells_a_password(station: Station, broker: Broker, tmp_path: Path) -> None:
    everything = {"logging": {"logLevel": "Trace"}, "failover": QUICK}
    with running("distributor", tmp_path) as foreign:
        foreign.kill()
        foreign.password = "another"
        foreign.start()
        made = component(foreign, stream("a"), further=[broker.port], facets=everything)
        station.configure(made)
        station.act()
        plc = await talking(broker, "plc 2")
        await until(lambda: says(tmp_path, "Warning", "dataSource: "), "the refusal")
        await until(lambda: station.value("Status")[0] == "Connected / No Data", "a session")
        await plc.say("kiln", b'{"t": 1.5}')
        await until(lambda: says(tmp_path, "Trace", "kiln", "1.5"), "the message")
        plc.connection.close()
        await station.adapter.close()
    assert PASSWORD not in "\n".join(lines(tmp_path))


async def test_a_folder_that_cannot_be_written_stops_no_data_and_is_told_once(
    station: Station, broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    station.configure(component(broker, stream("a")))
    station.act()
    await until(lambda: station.value("Status")[0] == "Connected / No Data", "a session")
    plc = await talking(broker, "plc 3")
    await plc.say("kiln", b'{"t": 1.5}')
    await until(lambda: station.value("a") == (1.5, Quality.GOOD), "the value")
    warned = lambda: [each for each in station.board.warnings() if "log cannot be written" in each]  # noqa: E731
    await until(lambda: len(warned()) == 2, "warnings: of the component, and of System")
    assert warned()[1].startswith("Line 1: ") or warned()[0].startswith("Line 1: ")
    assert len([each for each in caplog.messages if "the log of Line 1 cannot" in each]) == 1
    (tmp_path / "logs").unlink()
    station.configure(component(broker, stream("a"), stream("b")))
    await until(lambda: says(tmp_path, "Information", "2 streams are selected"), "the log goes on")
    await until(lambda: not any("Line 1" in each for each in warned()), "no warning any more")
    plc.connection.close()


# -- the facet, and the file


def test_level_size_and_count_are_in_force_at_once(logs: AdapterLogs, tmp_path: Path) -> None:
    def files() -> dict[str, int]:
        return {each.name: each.stat().st_size for each in (tmp_path / "logs").iterdir()}

    def fill(mark: str, level: int = logging.INFO) -> None:
        for number in range(60):
            logs.of("one").log(level, "%s %d %s", mark, number, "x" * 80)
        logs.of("one").critical("%s is over", mark)
        wait_for(lambda: any(f"{mark} is over" in line for line in lines(tmp_path, "one.log")), mark)

    logs.configure(steered(logFileSizeLimitBytes=1000, logFileCountLimit=4))
    fill("four")
    assert sorted(files()) == ["one.log", "one.log.1", "one.log.2", "one.log.3"]
    assert max(files().values()) <= 1000
    newest = (tmp_path / "logs" / "one.log.1").read_text()
    assert "four 59" in newest + "\n".join(lines(tmp_path, "one.log"))
    logs.configure(steered(logFileSizeLimitBytes=2000, logFileCountLimit=2))
    fill("two")
    assert sorted(files()) == ["one.log", "one.log.1"]
    assert 1000 < files()["one.log.1"] <= 2000
    logs.configure(steered(logFileSizeLimitBytes=2000, logFileCountLimit=1))
    fill("one")
    assert list(files()) == ["one.log"]
    assert files()["one.log"] <= 2000
    logs.configure(steered(logLevel="Error"))
    fill("quiet", logging.WARNING)
    assert not any("quiet 59" in line for line in lines(tmp_path, "one.log"))
    logs.configure(steered(logLevel="Trace"))
    fill("loud", TRACE)
    assert any(" Trace " in line and "loud 59" in line for line in lines(tmp_path, "one.log"))


def test_none_means_none(logs: AdapterLogs, tmp_path: Path) -> None:
    logs.configure(steered(logLevel="None"))
    logs.of("one").critical("never")
    logs.configure({"two": unset()})
    logs.of("two").info("written after it")
    wait_for(lambda: lines(tmp_path, "two.log"))
    assert lines(tmp_path, "one.log") == []


def test_what_others_said_makes_no_line_of_its_own(logs: AdapterLogs, tmp_path: Path) -> None:
    logs.configure(steered())
    logs.of("one").info(
        "refused: %s", "bad\n2026-01-01T00:00:00.000Z Error all is lost\x1b[2J\ud800 " + "y" * 9999
    )
    wait_for(lambda: lines(tmp_path, "one.log"))
    (line,) = lines(tmp_path, "one.log")
    assert r"bad\u000a2026" in line
    assert r"\u001b[2J\ud800" in line
    assert len(line) < 900


def test_ids_that_look_like_paths_of_each_other_are_apart_and_long_ones_have_a_file(
    logs: AdapterLogs, tmp_path: Path
) -> None:
    long = "窯" * 99
    names = ["a", "a.b", "..", long, "窯" * 98]
    logs.configure({name: unset() for name in names})
    logs.configure({"a": unset() | {"logLevel": "None"}})
    for name in names:
        logs.of(name).info("from %s", name[:3])
    wait_for(lambda: len(list((tmp_path / "logs").glob("*"))) == 4)
    assert {each.name for each in (tmp_path / "logs").iterdir()} == {file_name(n) for n in names[1:]}
    assert file_name("MQTT1") == "MQTT1.log"


def test_the_log_of_a_component_that_is_gone_is_kept_aside(logs: AdapterLogs, tmp_path: Path) -> None:
    logs.configure(steered(logFileSizeLimitBytes=1000, logFileCountLimit=2) | {"two": unset()})
    for _ in range(20):
        logs.of("one").info("x" * 90)
    logs.of("one").info("its last words")
    logs.retire({"two"})
    logs.of("one").info("nobody hears this")
    aside = tmp_path / "logs" / "Removed"
    wait_for(lambda: aside.is_dir() and len(list(aside.iterdir())) == 2)
    kept = {each.name.partition("_removed_")[0]: each.read_text() for each in aside.iterdir()}
    assert set(kept) == {"one.log", "one.log.1"}
    assert "its last words" in kept["one.log"]
    logs.configure(steered())
    logs.of("one").info("another one of that name")
    wait_for(lambda: len(lines(tmp_path, "one.log")) == 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_once_and_the_log_goes_on_when_there_is_room(
    logs: AdapterLogs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "one.log").symlink_to("/dev/full")
    logs.configure(steered())
    for _ in range(5):
        logs.of("one").info("x")
    wait_for(logs.failing)
    assert "No space left" in logs.failing()[0]
    (tmp_path / "logs" / "one.log").unlink()
    wait_for(lambda: logs.of("one").info("there is room") or lines(tmp_path, "one.log"))
    wait_for(lambda: not logs.failing())
    assert len([each for each in caplog.messages if "the log of one cannot be written" in each]) == 1


def test_a_disk_that_hangs_holds_nobody_up(logs: AdapterLogs, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    pipe = tmp_path / "logs" / "one.log"
    os.mkfifo(pipe)  # opening it waits for a reader, as a disk that does not answer would
    logs.configure(steered())
    begun = time.monotonic()
    for number in range(12_000):
        logs.of("one").info("%d", number)
    logs.close()
    assert time.monotonic() - begun < 10
    with pipe.open() as reader:  # and lets go of the thread
        assert reader.readline()
