"""The live tag image: values, folders, staleness, and what is noted for those who watch."""

from hypothesis import given
from hypothesis import strategies as st

from hmi.tags import path as paths
from hmi.tags.value import Quality
from hmi.worker.providers.image import FOLDER, TAG, Child, TagImage

TAG_1 = "[default]Edge Nodes/Group 1/Edge 1/Device 1/Tag 1"
DEVICE = "[default]Edge Nodes/Group 1/Edge 1/Device 1"


def test_a_value_is_read_back_with_quality_time_and_type():
    image = TagImage()
    image.put(TAG_1, 10, 1_000, "Int32")
    tag = image.get(TAG_1)
    assert (tag.value, tag.quality, tag.timestamp, tag.datatype) == (10, Quality.GOOD, 1_000, "Int32")


def test_the_empty_path_lists_the_providers():
    assert [child.name for child in TagImage().browse("")] == list(paths.PROVIDERS)


def test_every_folder_on_the_way_to_a_tag_can_be_browsed():
    image = TagImage()
    image.put(TAG_1, 10, 1, "Int32")
    assert image.browse("[default]") == [Child("Edge Nodes", "[default]Edge Nodes", FOLDER)]
    assert image.browse(DEVICE) == [Child("Tag 1", TAG_1, TAG, "Int32")]


def test_browsing_a_tag_finds_nothing_below_it_and_an_unknown_folder_is_none():
    image = TagImage()
    image.put(TAG_1, 10, 1, "Int32")
    assert image.browse(TAG_1) == []
    assert image.browse("[default]No such folder") is None


def test_a_path_that_is_both_tag_and_folder_is_listed_as_both():
    image = TagImage()
    image.put("[MQTT Engine]A", 1, 1, "Int8")
    image.put("[MQTT Engine]A/B", 2, 1, "Int8")
    assert [child.kind for child in image.browse("[MQTT Engine]")] == [FOLDER, TAG]
    image.remove("[MQTT Engine]A/B")
    assert [child.kind for child in image.browse("[MQTT Engine]")] == [TAG]


def test_a_stale_tag_keeps_its_last_value_and_says_since_when():
    image = TagImage()
    image.put(TAG_1, 10, 1_000, "Int32")
    image.stale(TAG_1, 2_000)
    image.stale(TAG_1, 3_000)
    tag = image.get(TAG_1)
    assert (tag.value, tag.quality, tag.timestamp) == (10, Quality.STALE, 2_000)


def test_only_watched_paths_are_noted_and_each_once():
    image = TagImage()
    image.watch([TAG_1])
    image.put(TAG_1, 1, 1, "Int32")
    image.put(TAG_1, 2, 2, "Int32")
    image.put(DEVICE + "/Other", 2, 2, "Int32")
    assert image.take_changes() == [TAG_1]
    assert image.take_changes() == []


def test_a_removed_tag_is_noted_and_its_empty_folders_go_with_it():
    image = TagImage()
    image.put(TAG_1, 1, 1, "Int32")
    image.watch([TAG_1])
    image.remove(TAG_1)
    assert image.take_changes() == [TAG_1]
    assert image.get(TAG_1) is None
    assert image.browse("[default]") == []
    image.remove(TAG_1)


def test_nothing_is_noted_any_more_for_a_path_that_nobody_watches():
    image = TagImage()
    image.watch([TAG_1])
    image.put(TAG_1, 1, 1, "Int32")
    image.watch([])
    assert image.take_changes() == []


names = st.sampled_from(["A", "B", "C"])
tag_paths = st.lists(names, min_size=1, max_size=4).map(lambda parts: paths.join("default", *parts))


@given(st.lists(st.tuples(st.booleans(), tag_paths), max_size=60))
def test_walking_the_folders_finds_exactly_the_tags_there_are(steps):
    image, expected = TagImage(), set()
    for add, path in steps:
        if add:
            image.put(path, 1, 1, "Int8")
            expected.add(path)
        else:
            image.remove(path)
            expected.discard(path)

    def walk(folder):
        for child in image.browse(folder):
            if child.kind == TAG:
                yield child.path
            else:
                inside = list(walk(child.path))
                assert inside, f"{child.path} is an empty folder"
                yield from inside

    found = list(walk("[default]"))
    assert sorted(found) == sorted(expected) == sorted(image.under("[default]"))
