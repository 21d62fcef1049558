"""The adapter's document, command by command, at a real plant: curl, a file, a port and a token."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hmi.plant.layout import PlantNode
from tests.hmi.adapter.api.contract import AS_PRINTED, FULL, MINIMAL, SERVER_1, SERVER_2
from tests.plant.conftest import RunningPlant
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.plant,
    pytest.mark.timeout(180),
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl"),
]
SERVERS = "/api/v1/configuration/MQTT1/RedundantServers"


def curl(
    plant: RunningPlant, node: PlantNode, verb: str, path: str, *more: str, cwd: Path
) -> tuple[int, str]:
    """As the document prints it, with our port, and with a token."""
    token = plant.credentials["engineer"]["token"]
    command = ["curl", "-s", "-w", "\n%{http_code}", *more, "-H", f"Authorization: Bearer {token}"]
    address = f"http://localhost:{node.http.port}{path}"
    ended = subprocess.run(
        [*command, "-X", verb, address], capture_output=True, text=True, cwd=cwd, check=True, timeout=30
    )
    body, _, status = ended.stdout.rpartition("\n")
    return int(status), body


def put(plant: RunningPlant, node: PlantNode, text: str, cwd: Path) -> tuple[int, str]:
    (cwd / "MQTT1_RedundantServers.json").write_text(text, encoding="utf-8")
    sent = ("-d", "@MQTT1_RedundantServers.json", "-H", "Content-Type: application/json")
    return curl(plant, node, "PUT", SERVERS, *sent, cwd=cwd)


def test_the_documents_command_works_on_the_active_node_and_reaches_the_other(
    plant: RunningPlant, tmp_path: Path
) -> None:
    active = plant.active("Primary")
    standby = plant.layout.peer(active)

    def configured(node: PlantNode) -> Any:
        status, body = curl(plant, node, "GET", SERVERS, cwd=tmp_path)
        assert status == 200, body
        return json.loads(body)

    assert put(plant, active, FULL, tmp_path) == (204, "")
    assert configured(active) == [SERVER_1, SERVER_2]
    wait_for(lambda: configured(standby) == [SERVER_1, SERVER_2], "the standby has the servers, too")
    status, body = put(plant, standby, MINIMAL, tmp_path)
    assert (status, active.name in body) == (409, True)
    assert put(plant, active, AS_PRINTED, tmp_path)[0] == 400
    assert put(plant, active, MINIMAL, tmp_path) == (204, "")
    assert [each["hostNameOrIpAddress"] for each in configured(active)] == ["125.1.1.1", "125.2.2.2"]
    assert curl(plant, active, "DELETE", SERVERS, cwd=tmp_path) == (204, "")
    assert configured(active) == []
