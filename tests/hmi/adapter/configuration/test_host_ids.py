"""A host id belongs to one host application: two would fight over its STATE."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.hmi.adapter.api.test_contract import send

pytestmark = pytest.mark.django_db


def host(component: str, name: str) -> Any:
    source = {"hostNameOrIpAddress": f"{component}.example", "primaryHostId": name}
    return send("PUT", f"configuration/{component}/dataSource", source)


def test_a_component_may_not_speak_for_another_host(founded: Any, users: Any) -> None:
    for name in ("First", "Second"):
        made = {"componentId": name, "componentType": "MQTTSparkplugB"}
        assert send("POST", "configuration/system/components", made).status_code == 204
    refused = host("First", "Primary")
    assert refused.status_code == 400
    assert "'Primary' is the host id of MQTT Engine" in json.loads(refused.content)["error"]
    assert host("First", "Line").status_code == 204
    refused = host("Second", "Line")
    assert refused.status_code == 400
    assert "'Line' is the host id of First" in json.loads(refused.content)["error"]
    assert json.loads(send("GET", "configuration/Second/dataSource", None).content) == {}
    assert host("Second", "Another line").status_code == 204
