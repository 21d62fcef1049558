"""The page of one tag, and what the tree says beside a value."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from hmi.dashboards.models import Dashboard, Widget
from hmi.pages.inside import inside
from hmi.people.models import User
from hmi.tags.about import About
from hmi.tags.models import Tag
from sparkplug import DataSet, DataType
from tests.hmi.fake_runtime import TAG_1, FakeRuntime
from tests.hmi.live_node import signed_in

pytestmark = pytest.mark.django_db
DEVICE = TAG_1.rpartition("/")[0]
RECIPE = f"{DEVICE}/Recipe"
TABLE = DataSet(("Step", "Name"), (DataType.Int8, DataType.String), ((1, "Fill"), (2, None)))


def page(user: User, path: str) -> str:
    response = signed_in(user).get(f"/tags/tag/?path={quote(path)}")
    assert response.status_code == 200
    return response.content.decode()


def tree(user: User) -> str:
    return signed_in(user).get(f"/tags/?path={quote(DEVICE)}").content.decode()


def test_unit_range_and_documentation_stand_beside_the_value(
    node: FakeRuntime, people: dict[str, User]
) -> None:
    node.describe(TAG_1, About("bar", 0.0, 16.5, "At the outlet", "Outlet"))
    for text in (page(people["viewer"], TAG_1), tree(people["viewer"])):
        assert '<span class="unit">bar</span>' in text
        assert "At the outlet" in text
    text = page(people["viewer"], TAG_1)
    assert "0 to 16.5 bar" in text
    assert "<dd>Int32</dd>" in text
    assert "<dd>Outlet</dd>" in text


def test_a_tag_that_its_edge_node_calls_read_only_is_offered_to_nobody(
    node: FakeRuntime, boards: None, people: dict[str, User]
) -> None:
    Widget.objects.create(
        dashboard=Dashboard.objects.get(), kind="value", label="Locked", path=TAG_1, writable=True, order=9
    )
    offered = f'data-write="{TAG_1}"'
    operator = people["operator"]
    places = (lambda: page(operator, TAG_1), lambda: tree(operator), lambda: board(operator))
    assert all(offered in place() for place in places)
    node.describe(TAG_1, About(read_only=True))
    assert not any(offered in place() for place in places)
    assert "<dd>read-only</dd>" in page(operator, TAG_1)


def board(user: User) -> str:
    return signed_in(user).get("/dashboards/primary/").content.decode()


def test_a_viewer_is_offered_no_write_on_a_tag_s_page(node: FakeRuntime, people: dict[str, User]) -> None:
    assert "data-write=" not in page(people["viewer"], TAG_1)
    assert "data-write=" in page(people["operator"], TAG_1)


def test_an_own_tag_has_its_own_limits_and_its_editor_in_reach(
    node: FakeRuntime, people: dict[str, User]
) -> None:
    path = "[default]Tank/Level"
    node.put(path, 50.0, "Double")
    tag = Tag.objects.create(path=path, datatype="Double", low=0, unit="m", writable=True, description="Deep")
    text = page(people["engineer"], path)
    assert f'href="/tags/{tag.pk}/"' in text
    assert "at least 0 m" in text
    assert 'data-low="0.0"' in text
    assert "Deep" in text
    assert f'href="/tags/{tag.pk}/"' not in page(people["operator"], path)


def test_the_tree_leads_to_the_tag_and_a_tag_s_path_in_the_tree_does_too(
    node: FakeRuntime, people: dict[str, User]
) -> None:
    assert f'href="/tags/tag/?path={quote(TAG_1, safe="/")}"' in tree(people["viewer"])
    response = signed_in(people["viewer"]).get(f"/tags/?path={quote(TAG_1)}")
    assert response.status_code == 302
    assert response.url.startswith("/tags/tag/?path=")


def test_a_table_is_shown_with_its_columns_types_and_rows(node: FakeRuntime, people: dict[str, User]) -> None:
    node.put(RECIPE, TABLE, "DataSet")
    text = page(people["viewer"], RECIPE)
    assert "2 rows of [Step, Name]" in text
    assert '<th scope="col">Name<small>String</small></th>' in text
    assert '<th class="num" scope="col">Step<small>Int8</small></th>' in text
    assert '<td class="num">2</td>' in text
    assert "<td>Fill</td>" in text
    assert "<td>–</td>" in text


def test_a_list_is_shown_element_by_element(node: FakeRuntime, people: dict[str, User]) -> None:
    node.put(RECIPE, (1.5, 2**60, "<b>"), "StringArray")
    text = page(people["viewer"], RECIPE)
    assert f'<li><span class="k">1</span><span>{2**60}</span></li>' in text
    assert "&lt;b&gt;" in text
    assert "<b>&" not in text


def test_a_value_of_any_size_makes_a_page_of_a_decent_one(node: FakeRuntime, people: dict[str, User]) -> None:
    wide = DataSet(("c" * 600,) * 300, (DataType.String,) * 300, (("x" * 10,) * 300,) * 200)
    for value, datatype, note in (
        (wide, "DataSet", "150 more rows and 280 more columns not shown."),
        (tuple(range(90_000)), "Int32Array", "89800 more elements not shown."),
        ("ä" * 900_000, "String", "896000 more characters not shown."),
    ):
        node.put(RECIPE, value, datatype)
        text = page(people["viewer"], RECIPE)
        assert note in text
        assert len(text) < 1_500_000
        assert "more" in tree(people["viewer"])


def test_a_value_that_is_too_large_for_any_page_says_so_instead(
    node: FakeRuntime, people: dict[str, User]
) -> None:
    node.put(RECIPE, tuple(range(1_000_000)), "Int32Array")
    assert "No value here: the value takes some 20 MB" in page(people["viewer"], RECIPE)
    assert "Tag 1" in tree(people["viewer"])


@pytest.mark.parametrize("value", [None, True, 5, 2.5, "", "short", [], {}])
def test_what_a_line_shows_whole_has_no_inside(value: Any) -> None:
    assert not inside(value).shown
    assert not inside(value).note


def test_a_table_with_holes_is_shown_as_far_as_it_goes() -> None:
    shown = inside({"columns": ["a", "b"], "types": ["Int8"], "rows": [[1], []]})
    assert shown.columns == (("a", "Int8"),)
    assert shown.rows == ((("1", True),), ())


def test_with_a_silent_worker_the_page_is_there_and_claims_nothing(
    node: FakeRuntime, people: dict[str, User]
) -> None:
    node.stop()
    text = page(people["operator"], TAG_1)
    assert 'data-quality="stale"' in text
    node.__init__(node.url, node.node)  # type: ignore[misc]
    node.start()
