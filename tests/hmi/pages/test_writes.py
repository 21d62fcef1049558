"""Writing a value from a page: what reaches the runtime, what is refused, and what is kept on record."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hmi.pages.entry import entry_of, parse
from hmi.people.models import AuditRow, User
from hmi.tags.models import Tag
from tests.hmi.fake_runtime import TAG_1, FakeRuntime
from tests.hmi.live_node import OTHER, signed_in

pytestmark = pytest.mark.django_db


def post(user: User, *writes: dict[str, Any]) -> Any:
    body = json.dumps({"writes": list(writes)})
    return signed_in(user).post(
        "/tags/write", body, content_type="application/json", headers={"accept": "application/json"}
    )


def test_an_operator_s_entry_reaches_the_tag_and_leaves_a_row(
    node: FakeRuntime, people: dict[str, User]
) -> None:
    response = post(people["operator"], {"path": TAG_1, "value": "42"})
    assert response.status_code == 200
    assert response.json() == [{"path": TAG_1, "outcome": "confirmed", "detail": "", "old": 10}]
    assert node.written == [{"path": TAG_1, "value": 42, "by": "olga"}]
    row = AuditRow.objects.get()
    assert (row.who, row.role, row.action, row.target, row.node) == (
        "olga",
        "operator",
        "write",
        TAG_1,
        "primary-master",
    )
    assert (row.old, row.new, row.outcome) == ("10", "42", "confirmed")


@pytest.mark.parametrize("outcome", ["confirmed", "sent", "failed", "refused", "unknown"])
def test_every_outcome_is_told_as_it_came(node: FakeRuntime, people: dict[str, User], outcome: str) -> None:
    node.write_outcome = outcome
    assert post(people["operator"], {"path": TAG_1, "value": 5}).json()[0]["outcome"] == outcome
    assert AuditRow.objects.get().outcome == outcome


def test_a_form_without_script_works_too(node: FakeRuntime, people: dict[str, User]) -> None:
    response = signed_in(people["operator"]).post("/tags/write", {"path": TAG_1, "value": "7"})
    assert b"confirmed" in response.content
    assert node.written[0]["value"] == 7


def test_a_viewer_is_refused_and_that_is_on_record(node: FakeRuntime, people: dict[str, User]) -> None:
    response = post(people["viewer"], {"path": TAG_1, "value": 5})
    assert response.status_code == 403
    assert "viewer" in response.json()["reason"]
    assert not node.written
    assert AuditRow.objects.get().outcome == "refused"


def test_a_standby_refuses_and_names_the_active_node(node: FakeRuntime, people: dict[str, User]) -> None:
    node.become("Standby", 13, "Active")
    response = post(people["operator"], {"path": TAG_1, "value": 5})
    assert response.status_code == 409
    assert OTHER in response.json()["resolution"]
    assert not node.written
    assert AuditRow.objects.get().outcome == "refused"


def test_a_value_that_changed_since_it_was_seen_is_not_overwritten(
    node: FakeRuntime, people: dict[str, User]
) -> None:
    node.put(TAG_1, 11)
    (answer,) = post(people["operator"], {"path": TAG_1, "value": "12", "expected": 10}).json()
    assert answer["outcome"] == "refused"
    assert "11 now" in answer["detail"]
    assert not node.written
    assert (
        post(people["operator"], {"path": TAG_1, "value": "12", "expected": 11}).json()[0]["outcome"]
        == "confirmed"
    )


def test_a_tag_s_limits_hold_on_the_server(node: FakeRuntime, people: dict[str, User]) -> None:
    path = "[default]Tank/Level"
    node.put(path, 50.0, "Double")
    Tag.objects.create(path=path, datatype="Double", low=0, high=100, writable=True)
    outcomes = post(
        people["operator"], *({"path": path, "value": value} for value in ("-1", "100.5", "99"))
    ).json()
    assert [each["outcome"] for each in outcomes] == ["refused", "refused", "confirmed"]
    assert "lowest value, 0" in outcomes[0]["detail"]
    assert [each["value"] for each in node.written] == [99.0]


LEVELS = TAG_1.replace("Tag 1", "Levels")


def test_a_list_is_typed_as_json_and_written_whole(node: FakeRuntime, people: dict[str, User]) -> None:
    node.put(LEVELS, (1, 2), "Int64Array")
    entry = f' [3, -4, "{2**60}", 5.0] '
    (answer,) = post(people["operator"], {"path": LEVELS, "value": entry, "expected": [1, 2]}).json()
    assert answer["outcome"] == "confirmed"
    assert node.written[0]["value"] == [3, -4, 2**60, 5.0]


def test_a_bad_element_is_named_and_nothing_of_the_list_is_written(
    node: FakeRuntime, people: dict[str, User]
) -> None:
    node.put(LEVELS, (1, 2), "Int16Array")
    (answer,) = post(people["operator"], {"path": LEVELS, "value": '[3, "x"]'}).json()
    assert (answer["outcome"], answer["old"]) == ("refused", [1, 2])
    assert answer["detail"] == "element 1: 'x' is not a whole number (Int16)."
    assert not node.written


def test_a_tag_s_limits_hold_for_every_element(node: FakeRuntime, people: dict[str, User]) -> None:
    path = "[default]Levels"
    node.put(path, (1.0,), "DoubleArray")
    Tag.objects.create(path=path, datatype="DoubleArray", low=0, high=100, writable=True)
    (answer,) = post(people["operator"], {"path": path, "value": "[99, 100.5]"}).json()
    assert answer["outcome"] == "refused"
    assert "element 1: 100.5 is above the highest value, 100" in answer["detail"]


def test_of_several_writes_a_bad_one_spoils_only_itself(node: FakeRuntime, people: dict[str, User]) -> None:
    other = TAG_1.replace("Edge 1", "Edge 2")
    writes = [
        {"path": TAG_1, "value": "ten"},
        {"path": other, "value": "21"},
        {"path": "nonsense", "value": 1},
    ]
    answers = post(people["operator"], *writes[:2]).json()
    assert [each["outcome"] for each in answers] == ["refused", "confirmed"]
    assert AuditRow.objects.count() == 2


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        '{"writes":[]}',
        '{"writes":{}}',
        '{"writes":[5]}',
        '{"writes":[{"path":5,"value":1}]}',
        '{"writes":[{"path":"[P]a"}]}',
        '{"writes":[{"path":"[P]a","value":[[[[[1]]]]]}]}',
        '{"writes":[{"path":"[P]a","value":18446744073709551616}]}',
        '{"writes":[{"path":"[P]a","value":NaN}]}',
        '{"writes":[{"path":"[P]a","value":1,"expected":1e999}]}',
        r'{"writes":[{"path":"[P]a","value":"\ud800"}]}',
        r'{"writes":[{"path":"[P]\ud800","value":1}]}',
        json.dumps({"writes": [{"path": "[P]a", "value": 1}] * 101}),
        "[" * 100_000,
    ],
)
def test_a_malformed_body_is_refused_and_nothing_is_written(
    node: FakeRuntime, people: dict[str, User], body: str
) -> None:
    response = signed_in(people["operator"]).post(
        "/tags/write", body, content_type="application/json", headers={"accept": "application/json"}
    )
    assert response.status_code == 422
    assert response.json()["reason"]
    assert not node.written


@pytest.mark.parametrize(
    ("entry", "datatype", "value"),
    [
        ("42", "Int32", 42),
        (" -7 ", "Int8", -7),
        ("18446744073709551615", "UInt64", 18446744073709551615),
        ("1e3", "Double", 1000.0),
        ("TRUE", "Boolean", True),
        ("off", "Boolean", False),
        (" text ", "String", " text "),
        ("[]", "Int8Array", []),
        ("[true, false]", "BooleanArray", [True, False]),
        ('[1, 2.5, "NaN", "-3"]', "DoubleArray", [1, 2.5, "NaN", -3.0]),
        ('["", "ä, ]"]', "StringArray", ["", "ä, ]"]),
        ('{"columns":[],"types":[],"rows":[]}', "DataSet", {"columns": [], "types": [], "rows": []}),
        ("AP8=", "Bytes", "AP8="),
        ([1], "Int8Array", [1]),
        (5, "Int32", 5),
        (None, "Int32", None),
    ],
)
def test_what_was_typed_becomes_a_value_of_the_tag_s_type(entry: Any, datatype: str, value: Any) -> None:
    assert parse(entry, datatype) == value


def test_a_value_that_is_typed_as_it_is_shown_is_the_same_value() -> None:
    table = {"columns": ["ä"], "types": ["UInt64"], "rows": [["18446744073709551615"], [None]]}
    for value, datatype in (
        (table, "DataSet"),
        (["9007199254740993", 1], "Int64Array"),
        (["a", '"'], "StringArray"),
        ([1.5, "Infinity"], "FloatArray"),
        (62.5, "Double"),
        (True, "Boolean"),
        ("text", "String"),
    ):
        again = parse(entry_of(value), datatype)
        assert json.dumps(again) == json.dumps(value) or again == [2**53 + 1, 1]
    assert entry_of(None) == ""


@pytest.mark.parametrize(
    ("entry", "datatype", "reason"),
    [
        ("1, 2", "Int8Array", "a list in brackets"),
        ("{}", "Int8Array", "a list in brackets"),
        ("[1,]", "Int8Array", "a list in brackets"),
        ("", "Int8Array", "a list in brackets"),
        ("[" * 100_000, "Int8Array", "a list in brackets"),
        (f"[{'1' * 5_000}]", "Int64Array", "a list in brackets"),
        ("[1, null]", "Int8Array", "element 1: null is not a number"),
        ("[1, true]", "Int8Array", "element 1: true is not a number"),
        ("[1.5]", "Int8Array", "element 0: 1.5 is not a whole number"),
        ('["٣"]', "Int8Array", "element 0: '٣' is not a whole number"),
        ("[1, [2]]", "DoubleArray", "element 1: \\[2\\] is not a number"),
        ("[1e999]", "DoubleArray", "element 0: Infinity is not a finite"),
        ("[NaN]", "DoubleArray", "element 0: NaN is not a finite"),
        ("[0, 1]", "BooleanArray", "element 0: 0 is neither true nor false"),
        ("[1]", "StringArray", "element 0: 1 is not a text in quotation marks"),
        ("[]", "DataSet", "is not a table"),
        ("{", "DataSet", "is not a table"),
    ],
)
def test_a_list_that_can_t_be_meant_is_refused_and_the_element_named(
    entry: str, datatype: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(entry, datatype)


@pytest.mark.parametrize(
    ("entry", "datatype"),
    [
        *(("", "Int32"), ("1.5", "Int32"), ("٣", "Int32"), ("--1", "Int32"), ("1" * 30, "Int64")),
        *(("nan", "Double"), ("inf", "Float"), ("x", "Double"), ("yes please", "Boolean")),
    ],
)
def test_what_can_t_be_meant_is_refused_with_a_reason(entry: str, datatype: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse(entry, datatype)
