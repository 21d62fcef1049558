"""Values through the HTTP API: numbers, lists, tables and bytes, and what no type could ever take."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from hmi.people.models import User
from sparkplug import DataSet, DataType
from tests.hmi.fake_runtime import TAG_1, FakeRuntime
from tests.hmi.live_node import signed_in

pytestmark = pytest.mark.django_db
LEVELS, RECIPE = TAG_1.replace("Tag 1", "Levels"), TAG_1.replace("Tag 1", "Recipe")


def post(user: User, path: str, body: str) -> Any:
    return signed_in(user).post(f"/api/v1/tags/{path}", body, content_type="application/json")


def write(user: User, value: str, path: str = json.dumps(TAG_1)) -> Any:
    return post(
        user,
        "write",
        f'{{"writes":[{{"path":{json.dumps(TAG_1)},"value":1}},{{"path":{path},"value":{value}}}]}}',
    )


def test_lists_and_tables_are_read_as_json(node: FakeRuntime, people: dict[str, User]) -> None:
    node.put(LEVELS, (1, 2**60), "Int64Array")
    node.put(RECIPE, DataSet(("Step",), (DataType.Int8,), ((1,), (None,))), "DataSet")
    answers = post(people["viewer"], "read", json.dumps({"paths": [LEVELS, RECIPE]})).json()
    assert answers[0]["value"] == [1, str(2**60)]
    assert answers[1]["value"] == {"columns": ["Step"], "types": ["Int8"], "rows": [[1], [None]]}


def test_a_list_and_a_table_reach_the_runtime_as_they_are(node: FakeRuntime, people: dict[str, User]) -> None:
    table = {"columns": ["a"], "types": ["Int8"], "rows": [[1]]}
    for value in ([1, "9007199254740993"], table, 2**64 - 1, -(2**63), "NaN", None):
        assert write(people["operator"], json.dumps(value)).status_code == 200
        assert node.written[-1]["value"] == value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("18446744073709551616", "beyond 64 bits"),
        ("-9223372036854775809", "beyond 64 bits"),
        (f"[1, {10**30}]", "beyond 64 bits"),
        (f'{{"columns":["a"],"types":["UInt64"],"rows":[[{2**64}]]}}', "beyond 64 bits"),
        ("1" * 4_000, "beyond 64 bits"),
        ("NaN", "sent as texts"),
        ("1e999", "sent as texts"),
        (r'"\ud800"', "not valid Unicode"),
        (r'{"\ud800": 1}', "not valid Unicode"),
        ("[[[[[1]]]]]", "nested deeper"),
    ],
)
def test_what_no_type_could_take_is_refused_with_field_and_reason_and_nothing_is_written(
    node: FakeRuntime, people: dict[str, User], value: str, reason: str
) -> None:
    answer = write(people["operator"], value)
    assert answer.status_code == 400
    assert answer.json()["reason"].startswith("writes.1.value: ")
    assert reason in answer.json()["reason"]
    assert answer.json()["resolution"]
    assert node.written == []


@pytest.mark.parametrize("value", ["9" * 5_000, "[" * 100_000, "[1", "", "{,}"])
def test_a_body_that_no_parser_takes_is_a_bad_request(
    node: FakeRuntime, people: dict[str, User], value: str
) -> None:
    answer = write(people["operator"], value)
    assert answer.status_code == 400
    assert answer.json()["reason"]
    assert node.written == []


def test_half_a_character_in_a_path_is_refused_wherever_it_is_sent(
    node: FakeRuntime, people: dict[str, User]
) -> None:
    answer = write(people["operator"], "1", path=r'"[default]\ud800"')
    assert (answer.status_code, answer.json()["reason"]) == (
        400,
        "writes.1.path: the text is not valid Unicode",
    )
    answer = post(people["viewer"], "read", r'{"paths":["[default]\ud800"]}')
    assert answer.status_code == 400
    assert answer.json()["reason"]


def test_the_openapi_document_says_what_a_value_can_be(node: FakeRuntime, people: dict[str, User]) -> None:
    schemas = Client().get("/api/openapi.json").json()["components"]["schemas"]
    for shape in ("Write", "TagValue"):
        value = schemas[shape]["properties"]["value"]
        kinds = {each["type"] for each in value["anyOf"]}
        assert kinds == {"boolean", "number", "string", "null", "array", "object"}
        assert "Base64" in value["description"]
    table = next(each for each in value["anyOf"] if each["type"] == "object")
    assert set(table["properties"]) == {"columns", "types", "rows"}
    sample = schemas["Samples"]["properties"]["samples"]["items"]
    assert "anyOf" in json.dumps(sample)


def test_a_value_passes_the_api_s_shapes_unchanged(node: FakeRuntime, people: dict[str, User]) -> None:
    for value, datatype in (
        (True, "Boolean"),
        (1, "Int8"),
        (1.0, "Double"),
        ("1", "String"),
        ((1, True), "x"),
    ):
        node.put(LEVELS, value, datatype)
        (answer,) = post(people["viewer"], "read", json.dumps({"paths": [LEVELS]})).json()
        assert json.dumps(answer["value"]) == json.dumps(value)
