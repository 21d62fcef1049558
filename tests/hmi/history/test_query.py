"""Reading history through Django's connection, from what the writer wrote."""

import math

import pytest
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from hmi.history import query
from hmi.history.router import HistoryRouter
from hmi.history.writer import as_text, storable
from hmi.tags.value import Quality, code_of
from sparkplug import DataSet, DataType

pytestmark = pytest.mark.django_db(databases=["history"])

TAG = "[default]Edge Nodes/Group 1/Edge 1/Device 1/Counter"
TABLE = DataSet(("a",), (DataType.UInt64,), ((2**64 - 1,),))


def store(samples, path=TAG, datatype="Int64"):
    with connections["history"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO history_tag (path, datatype) VALUES (%s, %s) RETURNING id", [path, datatype]
        )
        number = cursor.fetchone()[0]
        for timestamp, value, quality in samples:
            cursor.execute(
                "INSERT INTO history_sample VALUES (%s, %s, %s, %s)",
                [number, timestamp, storable(value), code_of(quality)],
            )


def good(*timestamps):
    return [(timestamp, timestamp // 100, Quality.GOOD) for timestamp in timestamps]


def test_samples_come_in_time_order_with_value_and_quality_word():
    store([(200, 2, Quality.STALE), (100, 1, Quality.GOOD)])
    assert query.samples(TAG)["samples"] == [[100, 1, "Good"], [200, 2, "Stale"]]


def test_the_range_includes_its_start_and_not_its_end():
    store(good(100, 200, 300))
    assert [row[0] for row in query.samples(TAG, 100, 300)["samples"]] == [100, 200]


def test_a_range_may_be_given_as_iso_times():
    store(good(1_000, 2_000, 3_000))
    page = query.samples(TAG, "1970-01-01T00:00:02Z", "1970-01-01T01:00:03+01:00")
    assert [row[0] for row in page["samples"]] == [2_000]
    assert len(query.samples(TAG, "1970-01-01T00:00:02")["samples"]) == 2


def test_pages_join_up_without_gap_or_double():
    store(good(*range(0, 1000, 100)))
    found, after = [], ""
    while True:
        page = query.samples(TAG, limit=3, after=after)
        found += [row[0] for row in page["samples"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert found == list(range(0, 1000, 100))


def test_a_full_last_page_has_no_cursor():
    store(good(100, 200))
    assert query.samples(TAG, limit=2)["next"] is None


def test_the_other_spelling_of_a_path_finds_the_same_tag():
    store(good(100))
    assert len(query.samples("[default]/Edge Nodes/Group 1/Edge 1/Device 1/Counter")["samples"]) == 1


def test_a_tag_without_history_answers_an_empty_page():
    assert query.samples("[default]Nowhere") == {"samples": [], "next": None}


@pytest.mark.parametrize(
    ("value", "datatype", "wire"),
    [
        (True, "Boolean", True),
        (2**63 - 1, "Int64", str(2**63 - 1)),
        (2**64 - 1, "UInt64", str(2**64 - 1)),
        (math.nan, "Double", "NaN"),
        (math.inf, "Double", "Infinity"),
        (None, "Int32", None),
        ("Run", "String", "Run"),
    ],
)
def test_values_come_back_as_json_can_carry_them(value, datatype, wire):
    store([(1, value, Quality.GOOD)], datatype=datatype)
    assert query.samples(TAG)["samples"] == [[1, wire, "Good"]]


@pytest.mark.parametrize(
    "question",
    [
        {"path": ""},
        {"path": "no provider"},
        {"path": TAG, "limit": 0},
        {"path": TAG, "limit": 10_001},
        {"path": TAG, "after": "x"},
        {"path": TAG, "start": 2**70},
        {"path": TAG, "end": "yesterday"},
        {"path": TAG, "after": "9" * 40},
    ],
)
def test_a_question_without_an_answer_is_refused_with_a_reason(question):
    with pytest.raises(query.QueryError):
        query.samples(**question)


def test_the_tags_with_history_are_listed_by_folder():
    store(good(1), path="[default]A/B")
    store(good(1), path="[default]C")
    assert query.recorded("[default]A/") == ["[default]A/B"]


def test_the_migration_leaves_tables_without_row_numbers():
    with connections["history"].cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = 'history_sample'")
        assert "WITHOUT ROWID" in cursor.fetchone()[0]
    loader = MigrationExecutor(connections["history"]).loader
    assert ("history", "0001_initial") in loader.applied_migrations


def test_history_is_kept_out_of_the_other_database_and_the_other_way_round():
    router = HistoryRouter()
    assert router.allow_migrate("history", "history")
    assert not router.allow_migrate("default", "history")
    assert not router.allow_migrate("history", "people")
    assert router.allow_migrate("default", "people")


@pytest.mark.parametrize(
    ("datatype", "value", "answer"),
    [
        ("Int16Array", (1, -2), [1, -2]),
        ("DataSet", TABLE, {"columns": ["a"], "types": ["UInt64"], "rows": [[str(2**64 - 1)]]}),
        ("Bytes", b"\x00\xff", "AP8="),
        ("String", "[1, 2]", "[1, 2]"),
    ],
)
def test_a_list_a_table_and_bytes_come_back_as_they_are_on_the_wire(datatype, value, answer):
    store([(100, as_text(value) if isinstance(value, bytes | tuple) else value, Quality.GOOD)], TAG, datatype)
    assert query.samples(TAG)["samples"] == [[100, answer, "Good"]]


def test_samples_from_before_a_tag_held_lists_stay_what_they_were():
    store(
        [(100, "no [JSON", Quality.GOOD), (200, 7, Quality.GOOD), (300, "12", Quality.GOOD)], TAG, "Int8Array"
    )
    assert [row[1] for row in query.samples(TAG)["samples"]] == ["no [JSON", 7, "12"]


def test_the_youngest_samples_are_what_tags_would_hold():
    store(
        [(100, 1.5, Quality.GOOD), (300, math.nan, Quality.STALE), (200, 2.5, Quality.GOOD)],
        "[a]Level",
        "Double",
    )
    store([(100, True, Quality.GOOD)], "[a]On", "Boolean")
    store([(100, "text", Quality.GOOD)], "[a]Odd", "Int32")
    found = query.latest(["[a]Level", "[a]On", "[a]Odd", "[a]Nowhere"])
    assert (found["[a]Level"].timestamp, found["[a]Level"].quality) == (300, Quality.STALE)
    assert math.isnan(found["[a]Level"].value)
    assert found["[a]On"].value is True
    assert found.keys() == {"[a]Level", "[a]On"}
