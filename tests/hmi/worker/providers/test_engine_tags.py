"""Sparkplug facts become tags: births, values, history, death, and names that would do harm."""

import pytest

from hmi.tags.value import Quality
from hmi.worker.providers.engine_tags import EngineTags, node_folder
from hmi.worker.providers.image import TagImage
from sparkplug import DataType, EdgeNodeId, Metric, Parameter, Template

EDGE = EdgeNodeId("Group 1", "Edge 1")
FOLDER = "[MQTT Engine]Edge Nodes/Group 1/Edge 1"
TAG_1 = f"{FOLDER}/Device 1/Tag 1"


class Fixture:
    def __init__(self):
        self.image, self.history, self.troubles = TagImage(), [], []
        self.engine = EngineTags(
            self.image, self.history.append, lambda: 5_000, lambda kind, detail: self.troubles.append(kind)
        )

    def value(self, path):
        tag = self.image.get(path)
        return None if tag is None else (tag.value, tag.quality, tag.timestamp)


@pytest.fixture
def plant():
    plant = Fixture()
    plant.engine.node_born(EDGE, "Chariot SCADA", (metric("Redundancy/Node", "edge1-master", 900),), 1_000)
    plant.engine.device_born(EDGE, "Device 1", (metric("Tag 1", 10, 900), metric("Counter", 9, 900)), 1_000)
    return plant


def metric(name, value, timestamp=None, datatype=None, **more):
    datatype = datatype or (DataType.String if isinstance(value, str) else DataType.Int32)
    return Metric(name, datatype, value, timestamp=timestamp, **more)


def test_a_birth_makes_the_tags_and_shows_the_edge_node_online(plant):
    assert node_folder(EDGE) == FOLDER
    assert plant.value(TAG_1) == (10, Quality.GOOD, 900)
    assert plant.value(f"{FOLDER}/Redundancy/Node") == ("edge1-master", Quality.GOOD, 900)
    assert plant.value(f"{FOLDER}/Node Info/Online")[0] is True
    assert plant.value(f"{FOLDER}/Node Info/Current Server")[0] == "Chariot SCADA"
    assert plant.value(f"{FOLDER}/Device 1/Device Info/Online")[0] is True


MOTOR = Template(
    (
        Metric("Speed", DataType.Double, 12.5, 950),
        Metric("Drive", DataType.Template, Template((metric("Amps", 3),), reference="Drive")),
    ),
    (Parameter("Poles", DataType.UInt8, 4),),
    "Motor",
)


def motor(value, timestamp=900, **more):
    return Metric("M1", DataType.Template, value, timestamp, **more)


def test_a_template_instance_is_a_folder_of_typed_members(plant):
    plant.engine.device_born(EDGE, "Device 1", (motor(MOTOR),), 1_000)
    m1 = f"{FOLDER}/Device 1/M1"
    assert plant.value(f"{m1}/Speed") == (12.5, Quality.GOOD, 950)
    assert plant.value(f"{m1}/Drive/Amps") == (3, Quality.GOOD, 900)
    assert plant.value(f"{m1}/Parameters/Poles") == (4, Quality.GOOD, 900)
    assert plant.value(m1) is None
    assert plant.image.get(f"{m1}/Speed").datatype == "Double"
    part = MOTOR._replace(metrics=(Metric("Speed", DataType.Double, 13.0, 1_100),), parameters=())
    plant.engine.values(EDGE, "Device 1", (motor(part, 1_050),), 1_200)
    assert plant.value(f"{m1}/Speed") == (13.0, Quality.GOOD, 1_100)
    assert plant.value(f"{m1}/Drive/Amps") == (3, Quality.GOOD, 900)
    assert (f"{m1}/Speed", 1_100, 13.0) in [(s.path, s.timestamp, s.value) for s in plant.history]
    plant.engine.device_stale(EDGE, "Device 1", 2_000)
    assert plant.value(f"{m1}/Drive/Amps")[1] is Quality.STALE


def test_a_member_is_written_by_an_instance_that_holds_nothing_else(plant):
    plant.engine.device_born(EDGE, "Device 1", (motor(MOTOR),), 1_000)
    m1 = f"{FOLDER}/Device 1/M1"
    speed, amps = plant.engine.binding(f"{m1}/Speed"), plant.engine.binding(f"{m1}/Drive/Amps")
    assert (speed.name, amps.name) == ("M1", "M1")
    assert speed.ordered(7.5) == Template((Metric("Speed", DataType.Double, 7.5),), reference="Motor")
    drive = Template((Metric("Amps", DataType.Int32, 4),), reference="Drive")
    assert amps.ordered(4) == Template((Metric("Drive", DataType.Template, drive),), reference="Motor")
    assert plant.engine.binding(f"{m1}/Parameters/Poles").read_only
    assert not speed.read_only


def test_a_definition_is_no_value(plant):
    definition = Template(MOTOR.metrics, MOTOR.parameters, is_definition=True)
    plant.engine.node_born(EDGE, "Chariot SCADA", (Metric("Motor", DataType.Template, definition, 1),), 1_000)
    assert not [path for path in plant.image.under(FOLDER) if "Motor" in path]


def test_an_array_is_a_value_like_any_other_and_not_kept_in_history(plant, tmp_path):
    levels = Metric("Levels", DataType.Int16Array, (1, -2), 1_100)
    plant.engine.values(EDGE, "Device 1", (levels,), 1_200)
    assert plant.value(f"{FOLDER}/Device 1/Levels") == ((1, -2), Quality.GOOD, 1_100)


def test_values_replace_values_and_one_without_a_time_gets_the_arrivals(plant):
    plant.engine.values(EDGE, "Device 1", (metric("Tag 1", 11, 1_100),), 1_200)
    assert plant.value(TAG_1) == (11, Quality.GOOD, 1_100)
    plant.engine.values(EDGE, "Device 1", (metric("Tag 1", 12),), 1_300)
    assert plant.value(TAG_1) == (12, Quality.GOOD, 1_300)


def test_values_of_devices_go_to_history_and_those_of_the_node_do_not(plant):
    plant.engine.values(EDGE, None, (metric("Redundancy/Node", "edge1-backup", 1_100),), 1_100)
    plant.engine.values(EDGE, "Device 1", (metric("Counter", 11, 1_100),), 1_100)
    kept = [(sample.path, sample.timestamp, sample.value) for sample in plant.history]
    assert kept == [
        (TAG_1, 900, 10),
        (f"{FOLDER}/Device 1/Counter", 900, 9),
        (f"{FOLDER}/Device 1/Counter", 1_100, 11),
    ]


def test_a_historical_value_goes_to_history_and_leaves_the_live_value_alone(plant):
    plant.engine.values(EDGE, "Device 1", (metric("Tag 1", 3, 500, is_historical=True),), 2_000)
    assert plant.value(TAG_1) == (10, Quality.GOOD, 900)
    assert plant.history[-1].timestamp == 500


def test_a_transient_value_is_shown_and_not_stored(plant):
    before = len(plant.history)
    plant.engine.values(EDGE, "Device 1", (metric("Tag 1", 3, 1_500, is_transient=True),), 2_000)
    assert plant.value(TAG_1)[0] == 3
    assert len(plant.history) == before


def test_the_edges_own_word_on_quality_is_kept(plant):
    plant.engine.values(EDGE, "Device 1", (metric("Tag 1", None, 1_500, quality=0),), 2_000)
    assert plant.value(TAG_1) == (None, Quality.BAD, 1_500)


@pytest.mark.statement(
    "tck-id-operational-behavior-edge-node-termination-host-action-ndeath-node-tags-stale",
    "tck-id-operational-behavior-edge-node-termination-host-action-ndeath-devices-tags-stale",
)
def test_a_dead_edge_node_leaves_its_values_stale_with_the_time(plant):
    plant.engine.node_stale(EDGE, 3_000)
    assert plant.value(TAG_1) == (10, Quality.STALE, 3_000)
    assert plant.value(f"{FOLDER}/Redundancy/Node")[1] is Quality.STALE
    assert plant.value(f"{FOLDER}/Node Info/Online") == (False, Quality.GOOD, 3_000)
    assert plant.value(f"{FOLDER}/Device 1/Device Info/Online")[0] is False


@pytest.mark.statement(
    "tck-id-operational-behavior-edge-node-termination-host-action-ddeath-devices-tags-stale",
)
def test_a_dead_device_leaves_the_rest_of_the_edge_node_alone(plant):
    plant.engine.device_stale(EDGE, "Device 1", 3_000)
    assert plant.value(TAG_1)[1] is Quality.STALE
    assert plant.value(f"{FOLDER}/Node Info/Online")[0] is True
    assert plant.value(f"{FOLDER}/Redundancy/Node")[1] is Quality.GOOD


def test_a_new_birth_makes_everything_good_again(plant):
    plant.engine.node_stale(EDGE, 3_000)
    plant.engine.node_born(EDGE, "Chariot SCADA Peer", (), 4_000)
    plant.engine.device_born(EDGE, "Device 1", (metric("Tag 1", 10, 3_900),), 4_000)
    assert plant.value(TAG_1) == (10, Quality.GOOD, 3_900)
    assert plant.value(f"{FOLDER}/Node Info/Current Server")[0] == "Chariot SCADA Peer"


def test_a_metric_that_a_later_birth_leaves_out_turns_stale_and_cannot_be_written(plant):
    plant.engine.device_born(EDGE, "Device 1", (metric("Tag 1", 10, 1_500),), 2_000)
    counter = f"{FOLDER}/Device 1/Counter"
    assert plant.value(counter) == (9, Quality.STALE, 2_000)
    assert plant.engine.binding(counter) is None


def test_a_path_leads_back_to_its_metric_even_through_folders(plant):
    plant.engine.device_born(EDGE, "Device 1", (metric("Pumps/P1/Speed", 1, 1),), 2_000)
    binding = plant.engine.binding(f"{FOLDER}/Device 1/Pumps/P1/Speed")
    assert (binding.edge, binding.device, binding.name) == (EDGE, "Device 1", "Pumps/P1/Speed")
    assert not binding.read_only


def test_what_the_edge_says_of_itself_is_read_only_and_its_commands_are_not(plant):
    plant.engine.node_born(
        EDGE,
        "S",
        (metric("Redundancy/Node", "x"), metric("Node Control/Rebirth", False, datatype=DataType.Boolean)),
        2,
    )
    assert plant.engine.binding(f"{FOLDER}/Redundancy/Node").read_only
    assert not plant.engine.binding(f"{FOLDER}/Node Control/Rebirth").read_only
    assert plant.engine.binding(f"{FOLDER}/Node Info/Online") is None


def test_an_edge_node_cannot_forge_what_this_host_says_about_it(plant):
    plant.engine.node_stale(EDGE, 3_000)
    plant.engine.values(EDGE, None, (metric("Node Info/Online", 1, 3_100),), 3_100)
    plant.engine.device_born(EDGE, "Node Info", (metric("Online", 1, 3_100),), 3_100)
    assert plant.value(f"{FOLDER}/Node Info/Online")[0] is False
    assert plant.troubles == ["metric-name", "metric-name"]


@pytest.mark.parametrize("name", ["", "/", "A" * 2_000, None])
def test_a_metric_without_a_usable_name_is_counted_and_spoils_nothing(plant, name):
    plant.engine.values(EDGE, "Device 1", (metric(name, 1, 1), metric("Tag 1", 12, 2)), 3)
    assert plant.troubles == ["metric-name"]
    assert plant.value(TAG_1)[0] == 12


def test_two_names_for_one_path_keep_the_first_and_count_the_second(plant):
    plant.engine.values(EDGE, "Device 1", (metric("/Tag 1", 99, 2_000),), 2_000)
    assert plant.value(TAG_1)[0] == 10
    assert plant.troubles == ["metric-name"]


@pytest.mark.parametrize("timestamp", [2**64 - 1, 2**53 + 1])
def test_an_impossible_time_is_replaced_by_the_arrivals(plant, timestamp):
    plant.engine.values(EDGE, "Device 1", (metric("Tag 1", 12, timestamp),), 4_000)
    assert plant.value(TAG_1) == (12, Quality.GOOD, 4_000)


def test_every_server_of_the_set_is_there_before_it_has_ever_been_connected():
    plant = Fixture()
    online = "[MQTT Engine]Engine Info/MQTT Clients/{}/Online".format
    plant.engine.servers(["Chariot SCADA", "Chariot SCADA Peer"])
    assert plant.value(online("Chariot SCADA"))[0] is False
    plant.engine.server("Chariot SCADA", True)
    plant.engine.servers(["Chariot SCADA"])
    assert plant.value(online("Chariot SCADA"))[0] is True
    assert plant.value(online("Chariot SCADA Peer")) is None
