# ruff: noqa: E501  (a row of the table is a line)
"""The adapter's contract, row by row: verb, path below /api/v1, body, status, answer.

The rows of a scene follow each other on one gateway as it is after its first start. A body of text is sent
as it stands, anything else as JSON. An answer is what the whole JSON must be; `says(...)` is an error
that holds this; `holds(...)` an object that has at least this; ANY is whatever comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ANY = object()
NONE = None
MASK = "*" * 15


@dataclass(frozen=True)
class says:
    text: str


class holds(dict[str, Any]):
    pass


Row = tuple[str, str, Any, int, Any]

MQTT1 = "configuration/MQTT1"
SOURCE = f"{MQTT1}/dataSource"
SERVERS = f"{MQTT1}/RedundantServers"
STREAMS = f"{MQTT1}/dataSelection"
FILTERS = f"{MQTT1}/dataFilters"
SETTINGS = f"{MQTT1}/clientSettings"
FAILOVER = f"{MQTT1}/failover"
COMPONENTS = "configuration/system/components"
SECRETS = "management/secrets"

# What the adapter's document sends, its two examples as one array each.
FULL = """[
{
    "hostNameOrIpAddress" : "125.1.1.1" ,
    "port" : "1883" ,
    "protocol" : "Tcp" ,
    "tls" : "None" ,
    "userName" : null ,
    "password" : null ,
    "clientCertificateThumbprint" : null ,
    "clientCertificatePassword" : null ,
    "validateServerCertificate" : true ,
    "serverId" : "server1"
},
{
    "hostNameOrIpAddress" : "125.2.2.2" ,
    "port" : "1883" ,
    "protocol" : "Tcp" ,
    "tls" : "TLS12" ,
    "userName" : "user name" ,
    "password" : "pass word" ,
    "clientCertificateThumbprint" : "1A2B" ,
    "clientCertificatePassword" : "pass word" ,
    "validateServerCertificate" : true ,
    "serverId" : "server2"
}
]"""
MINIMAL = '[ { "HostNameOrIpAddress" : "125.1.1.1" }, { "HostNameOrIpAddress" : "125.2.2.2" } ]'
AS_PRINTED = """{
    "HostNameOrIpAddress" : "125.1.1.1" ,
},
{
    "HostNameOrIpAddress" : "125.2.2.2" ,
}"""

OPEN = {
    "port": 1883,
    "protocol": "TCP",
    "tls": "None",
    "userName": None,
    "password": None,
    "clientCertificateThumbprint": None,
    "clientCertificatePassword": None,
    "validateServerCertificate": True,
}
USUAL = OPEN | {"port": 8883, "tls": "TLS12"}
SERVER_1 = OPEN | {"hostNameOrIpAddress": "125.1.1.1", "serverId": "server1"}
SERVER_2 = SERVER_1 | {
    "hostNameOrIpAddress": "125.2.2.2",
    "tls": "TLS12",
    "userName": "user name",
    "password": "{{MQTT1.RedundantServers.server2.Password}}",
    "clientCertificateThumbprint": "1A2B",
    "clientCertificatePassword": "{{MQTT1.RedundantServers.server2.ClientCertificatePassword}}",
    "serverId": "server2",
}
BROKER = USUAL | {
    "hostNameOrIpAddress": "broker",
    "clientId": None,
    "mqttVersion": "3.1.1",
    "streamIdPrefix": None,
    "defaultStreamIdPattern": "{Topic}.{ValueField}",
    "timeZone": None,
}
HEAT = {"topic": "plant/heat", "valueField": "$.value", "dataType": "Float32"}
HEAT_KEPT = {
    "selected": True,
    "name": None,
    "streamId": "plant/heat.$.value",
    "dataFilterId": None,
    "topic": "plant/heat",
    "valueField": "$.value",
    "dataFields": None,
    "indexField": None,
    "indexFormat": "Adapter",
    "dataType": "Float32",
}
LOGGING = {"logLevel": "Information", "logFileSizeLimitBytes": 34636833, "logFileCountLimit": 31}
DEADBAND = {"id": "small", "absoluteDeadband": 0.5, "percentChange": None, "expirationPeriod": "0:01:00"}
SETTINGS_KEPT = {"keepAlivePeriod": "0:00:30", "qosLevel": 2, "maxClientQueueSize": 1000}
FAILOVER_KEPT = {
    "mode": "failover",
    "connectTimeout": "0:00:05",
    "failback": "whenStable",
    "holdOff": "0:00:10",
    "firstPause": "0:00:01",
    "longestPause": "0:00:30",
}
UNSET = {
    "DataSource": {},
    "RedundantServers": [],
    "DataSelection": [],
    "ClientSettings": {},
    "DataFilters": [],
    "Failover": {},
    "Logging": LOGGING,
}
FIRST = {"componentId": "MQTT1", "componentType": "MQTT"}
SPB = {"componentId": "Spb 1", "componentType": "MQTTSparkplugB"}

# fmt: off
SCENES: dict[str, list[Row]] = {
    "a gateway after its first start": [
        ("GET", COMPONENTS, NONE, 200, [FIRST]),
        ("GET", "configuration", NONE, 200, {"System": {"Components": [FIRST], "Logging": LOGGING}, "MQTT1": UNSET}),
        ("GET", MQTT1, NONE, 200, UNSET),
        ("GET", SOURCE, NONE, 200, {}),
        ("GET", SERVERS, NONE, 200, []),
        ("GET", STREAMS, NONE, 200, []),
        ("GET", SETTINGS, NONE, 200, {}),
        ("GET", f"{MQTT1}/logging", NONE, 200, LOGGING),
        ("GET", "configuration/System/Logging", NONE, 200, LOGGING),
        ("GET", SECRETS, NONE, 200, []),
        ("GET", "configuration/Elsewhere", NONE, 404, says("Component with ID: 'Elsewhere' was not found.")),
        ("GET", "configuration/Elsewhere/dataSource", NONE, 404, says("Component with ID: 'Elsewhere' was not found.")),
        ("GET", f"{MQTT1}/colour", NONE, 404, says("Facet with name: 'colour' was not found.")),
        ("GET", f"{SERVERS}/server1", NONE, 404, says("Requested configuration entry with ID: 'server1' was not found.")),
        ("GET", f"{SOURCE}/1", NONE, 400, says("DataSource is not an array")),
        ("DELETE", SOURCE, NONE, 204, NONE),
    ],
    "what is out of scope is as good as unknown": [
        ("GET", "configuration/system/healthEndpoints", NONE, 404, says("Facet with name: 'healthEndpoints' was not found.")),
        ("PUT", "configuration/system/buffering", {}, 404, says("Facet with name: 'buffering' was not found.")),
        ("GET", "configuration/system/clientFailover", NONE, 404, says("Facet with name: 'clientFailover' was not found.")),
        ("GET", "configuration/omfegress/dataEndpoints", NONE, 404, says("Component with ID: 'omfegress' was not found.")),
        ("GET", f"{MQTT1}/schedules", NONE, 404, says("Facet with name: 'schedules' was not found.")),
        ("GET", "diagnostics/FailoverState", NONE, 404, says("FailoverState")),
        ("GET", "configuration/system/dataSource", NONE, 404, says("Facet with name: 'dataSource' was not found.")),
        ("GET", "management", NONE, 404, says("Nothing is at /api/v1/management.")),
        ("POST", "configuration", {}, 405, says("not allowed")),
        ("DELETE", MQTT1, NONE, 405, says("not allowed")),
    ],
    "redundant servers as the document sends them": [
        ("PUT", SERVERS, FULL, 204, NONE),
        ("GET", SERVERS, NONE, 200, [SERVER_1, SERVER_2]),
        ("GET", f"{MQTT1}/redundantservers/SERVER1", NONE, 200, SERVER_1),
        ("PUT", SERVERS, AS_PRINTED, 400, says("The body is not valid JSON")),
        ("PUT", SERVERS, '[{"HostNameOrIpAddress":"125.1.1.1" , }]', 400, says("The body is not valid JSON")),
        ("GET", SERVERS, NONE, 200, [SERVER_1, SERVER_2]),
        ("PUT", SERVERS, MINIMAL, 204, NONE),
        ("GET", SECRETS, NONE, 200, []),
        ("PUT", SERVERS, {"hostNameOrIpAddress": "a"}, 400, says("Type mismatch - facet RedundantServers requires array configuration.")),
        ("DELETE", SERVERS, NONE, 204, NONE),
        ("DELETE", SERVERS, NONE, 204, NONE),
        ("GET", SERVERS, NONE, 200, []),
    ],
    "servers one by one": [
        ("POST", SERVERS, {"hostNameOrIpAddress": "a", "serverID": "1"}, 204, NONE),
        ("POST", SERVERS, [{"hostNameOrIpAddress": "b", "serverId": "2"}], 204, NONE),
        ("GET", SERVERS, NONE, 200, [USUAL | {"hostNameOrIpAddress": "a", "serverId": "1"}, USUAL | {"hostNameOrIpAddress": "b", "serverId": "2"}]),
        ("GET", f"{SERVERS}?skip=1&count=1", NONE, 200, [USUAL | {"hostNameOrIpAddress": "b", "serverId": "2"}]),
        ("GET", f"{SERVERS}?skip=one", NONE, 400, says("skip")),
        ("POST", SERVERS, {"hostNameOrIpAddress": "c", "serverId": "1"}, 400, says("Configuration object contains duplicate IDs")),
        ("PUT", SERVERS, [{"hostNameOrIpAddress": "c", "serverId": "x"}, {"hostNameOrIpAddress": "d", "serverId": "X"}], 400, says("Configuration object contains duplicate IDs")),
        ("PUT", f"{SERVERS}/2", {"hostNameOrIpAddress": "c"}, 204, NONE),
        ("GET", f"{SERVERS}/2", NONE, 200, USUAL | {"hostNameOrIpAddress": "c", "serverId": "2"}),
        ("PUT", f"{SERVERS}/3", {"hostNameOrIpAddress": "d", "serverId": "3"}, 204, NONE),
        ("PUT", f"{SERVERS}/4", {"hostNameOrIpAddress": "d", "serverId": "5"}, 400, says("ID '4' in the PUT URL does not match configuration ID '5'")),
        ("PUT", f"{SERVERS}/4", [{"hostNameOrIpAddress": "d"}], 400, says("one object")),
        ("PATCH", f"{SERVERS}/3", {"PORT": "1884"}, 204, NONE),
        ("GET", f"{SERVERS}/3", NONE, 200, USUAL | {"hostNameOrIpAddress": "d", "serverId": "3", "port": 1884}),
        ("PATCH", f"{SERVERS}/3", {"serverId": "3", "port": 1}, 400, says("serverId")),
        ("PATCH", f"{SERVERS}/3", [{"port": 1}], 400, says("one object")),
        ("PATCH", f"{SERVERS}/9", {"port": 1}, 409, says("Configuration entry with ID: '9' wasn't found")),
        ("PATCH", f"{SERVERS}/3", {"colour": 1}, 400, says("No known property")),
        ("PATCH", f"{SERVERS}/3", {"port": 70000}, 409, says("port")),
        ("PATCH", SERVERS, [{"serverId": "3", "tls": "tls13"}, {"serverId": "1", "protocol": "ws", "port": None}], 204, NONE),
        ("GET", f"{SERVERS}/1", NONE, 200, USUAL | {"hostNameOrIpAddress": "a", "serverId": "1", "protocol": "WS", "port": None}),
        ("PATCH", SERVERS, [{"port": 1}], 400, says("serverId")),
        ("PATCH", SERVERS, [{"serverId": "9", "port": 1}], 409, says("Configuration entry with ID: '9' wasn't found")),
        ("PATCH", SERVERS, {"serverId": "3", "port": 1}, 400, says("requires array configuration")),
        ("DELETE", f"{SERVERS}/9", NONE, 400, says("Configuration entry with ID: '9' wasn't found")),
        ("DELETE", f"{SERVERS}/1", NONE, 204, NONE),
        ("GET", f"{SERVERS}/1", NONE, 404, says("Requested configuration entry with ID: '1' was not found.")),
        ("POST", f"{SERVERS}/1", {"hostNameOrIpAddress": "a"}, 405, says("not allowed")),
    ],
    "lenient in spelling": [
        ("PUT", SOURCE, {"HOSTNAMEORIPADDRESS": "broker", "Port": "1883", "PROTOCOL": "tCp", "TLS": "none", "ValidateServerCertificate": "False"}, 204, NONE),
        ("GET", SOURCE, NONE, 200, BROKER | OPEN | {"validateServerCertificate": False}),
        ("PUT", SOURCE, {"hostNameOrIpAddress": "broker", "protocol": 1, "tls": 4, "mqttVersion": 2, "port": 443}, 204, NONE),
        ("GET", SOURCE, NONE, 200, BROKER | {"protocol": "WS", "tls": "TLS13", "mqttVersion": "5.0.0", "port": 443}),
        ("PUT", SOURCE.upper().replace("CONFIGURATION", "Configuration"), {"hostNameOrIpAddress": "broker"}, 204, NONE),
        ("GET", "CONFIGURATION/mqtt1/DATASOURCE/", NONE, 200, BROKER),
        ("PUT", SETTINGS, {"keepAlivePeriod": 45, "qosLevel": "ExactlyOnce", "maxClientQueueSize": "250"}, 204, NONE),
        ("GET", SETTINGS, NONE, 200, {"keepAlivePeriod": "0:00:45", "qosLevel": 2, "maxClientQueueSize": 250}),
        ("PUT", SETTINGS, {"keepAlivePeriod": "90.5", "qosLevel": "1"}, 204, NONE),
        ("GET", SETTINGS, NONE, 200, {"keepAlivePeriod": "0:01:30.5", "qosLevel": 1, "maxClientQueueSize": 1000}),
        ("PUT", FAILOVER, {"mode": "ALL", "holdOff": "00:01:00"}, 204, NONE),
        ("GET", FAILOVER, NONE, 200, FAILOVER_KEPT | {"mode": "all", "holdOff": "0:01:00"}),
        ("PUT", FILTERS, [{"ID": "small", "ABSOLUTEDEADBAND": "0.5", "expirationPeriod": "1.02:03:04"}], 204, NONE),
        ("GET", f"{FILTERS}/SMALL", NONE, 200, DEADBAND | {"expirationPeriod": "1:2:03:04"}),
        ("PUT", f"{FILTERS}/small", DEADBAND | {"expirationPeriod": "1:2:03:04"}, 204, NONE),
        ("PUT", f"{MQTT1}/logging", {"loglevel": "warning"}, 204, NONE),
        ("GET", f"{MQTT1}/logging", NONE, 200, LOGGING | {"logLevel": "Warning"}),
        ("PUT", f"{MQTT1}/logging", "\ufeff{}", 204, NONE),
    ],
    "strict in structure": [
        ("PUT", SOURCE, {"hostNameOrIpAddress": "a", "colour": 1, "Size": 2}, 400, {"error": "Invalid fields specified - colour, Size", "reason": "", "resolution": ""}),
        ("PUT", SERVERS, [{"hostNameOrIpAddress": "a", "clientId": "x"}], 400, says("Invalid fields specified - clientId")),
        ("POST", SERVERS, [{"hostNameOrIpAddress": "a"}, {"hostNameOrIpAddress": "a", "timeZone": "x"}], 400, says("Invalid fields specified - timeZone")),
        ("PUT", SOURCE, "", 400, says("The body is not valid JSON")),
        ("PUT", SOURCE, "{", 400, holds(errors={"$": [ANY]})),
        ("PUT", SOURCE, '{"hostNameOrIpAddress":"a"} // here', 400, says("The body is not valid JSON")),
        ("PUT", SOURCE, '{"hostNameOrIpAddress":"a","port":NaN}', 400, says("The body is not valid JSON")),
        ("PUT", SOURCE, [], 400, says("Type mismatch - facet DataSource requires object configuration.")),
        ("PUT", SOURCE, "null", 400, says("Type mismatch")),
        ("PUT", SOURCE, {}, 400, says("hostNameOrIpAddress: is required")),
        ("PUT", SOURCE, {"hostNameOrIpAddress": ""}, 400, says("hostNameOrIpAddress")),
        ("PUT", SOURCE, {"hostNameOrIpAddress": "mqtt://user:pw@a"}, 400, says("carries a user name or password")),
        ("PUT", SOURCE, {"hostNameOrIpAddress": "a:1883"}, 400, says("carries a port")),
        ("PUT", SOURCE, {"hostNameOrIpAddress": "http://a"}, 400, says("scheme")),
        ("PUT", SOURCE, {"hostNameOrIpAddress": "ws://a/mqtt"}, 400, says("only a WebSocket has")),
        ("PUT", SOURCE, {"hostNameOrIpAddress": "a", "port": 0}, 400, says("port")),
        ("PUT", SOURCE, {"hostNameOrIpAddress": "a", "port": "many"}, 400, says("port: is not a whole number")),
        ("PUT", SOURCE, {"hostNameOrIpAddress": "a", "protocol": "UDP"}, 400, says("protocol: is none of TCP, WS")),
        ("PUT", SOURCE, {"hostNameOrIpAddress": "a", "tls": "TLS"}, 400, says("TLS 1.0 is broken")),
        ("PUT", SOURCE, {"hostNameOrIpAddress": "a", "tls": "tls11"}, 400, says("TLS 1.1 is broken")),
        ("PUT", SOURCE, {"hostNameOrIpAddress": "a", "password": "x"}, 400, says("password: is not allowed without a userName")),
        ("PUT", SOURCE, {"hostNameOrIpAddress": "a", "mqttVersion": "4"}, 400, says("mqttVersion")),
        ("PUT", SOURCE, {"hostNameOrIpAddress": "a", "timeZone": "Mars/North"}, 400, says("timeZone")),
        ("PUT", SOURCE, {"hostNameOrIpAddress": "a", "primaryHostId": "x"}, 400, says("Invalid fields specified - primaryHostId")),
        ("PUT", SOURCE, {"hostNameOrIpAddress": "a", "streamIdPrefix": "x" * 101}, 400, says("streamIdPrefix")),
        ("PUT", SETTINGS, {"keepAlivePeriod": "00:00:04"}, 400, says("keepAlivePeriod: must be at least 0:00:05")),
        ("PUT", SETTINGS, {"keepAlivePeriod": True}, 400, says("keepAlivePeriod")),
        ("PUT", SETTINGS, {"qosLevel": 3}, 400, says("qosLevel")),
        ("PUT", SETTINGS, {"maxClientQueueSize": 249}, 400, says("maxClientQueueSize")),
        ("PUT", FAILOVER, {"firstPause": "00:01:00"}, 400, says("firstPause: is longer than longestPause")),
        ("PUT", FAILOVER, {"failback": "sometimes"}, 400, says("failback: is none of none, whenStable")),
        ("PUT", f"{MQTT1}/logging", {"logFileSizeLimitBytes": 999}, 400, says("logFileSizeLimitBytes")),
        ("PUT", f"{MQTT1}/logging", {"logFileCountLimit": 0}, 400, says("logFileCountLimit")),
        ("GET", MQTT1, NONE, 200, UNSET),
    ],
    "the life of an object": [
        ("PATCH", SOURCE, {"port": 1}, 409, says("DataSource")),
        ("POST", SOURCE, {"hostNameOrIpAddress": "broker"}, 204, NONE),
        ("GET", SOURCE, NONE, 200, BROKER),
        ("GET", SETTINGS, NONE, 200, SETTINGS_KEPT),
        ("GET", FAILOVER, NONE, 200, FAILOVER_KEPT),
        ("POST", SOURCE, {"hostNameOrIpAddress": "broker"}, 400, says("already exists and cannot be created. Please use PUT verb to replace it or PATCH verb to patch it.")),
        ("PATCH", SOURCE, {"port": 1884, "colour": "ignored"}, 204, NONE),
        ("GET", SOURCE, NONE, 200, BROKER | {"port": 1884}),
        ("PATCH", SOURCE, {"colour": 1}, 400, says("No known property")),
        ("PATCH", SOURCE, [{"port": 1}], 400, says("Type mismatch")),
        ("PATCH", SOURCE, {"port": -1}, 409, says("port")),
        ("PUT", SOURCE, {"hostNameOrIpAddress": "broker"}, 204, NONE),
        ("GET", SOURCE, NONE, 200, BROKER),
        ("DELETE", SETTINGS, NONE, 204, NONE),
        ("DELETE", SOURCE, NONE, 204, NONE),
        ("GET", SOURCE, NONE, 200, {}),
        ("DELETE", f"{MQTT1}/logging", NONE, 400, says("Operation 'DELETE' is not supported on 'Logging' configuration.")),
        ("PATCH", f"{MQTT1}/logging", {"logLevel": 0}, 204, NONE),
        ("GET", f"{MQTT1}/logging", NONE, 200, LOGGING | {"logLevel": "Trace"}),
    ],
    "data selection": [
        ("PUT", STREAMS, [HEAT], 204, NONE),
        ("GET", STREAMS, NONE, 200, [HEAT_KEPT]),
        ("GET", f"{STREAMS}/plant/heat.$.value", NONE, 200, HEAT_KEPT),
        ("PATCH", f"{STREAMS}/plant%2Fheat.$.value", {"selected": ""}, 204, NONE),
        ("GET", STREAMS, NONE, 200, [HEAT_KEPT | {"selected": False}]),
        ("POST", STREAMS, HEAT | {"streamId": "a b", "dataType": "date-time", "valueField": "$['When']"}, 204, NONE),
        ("GET", f"{STREAMS}/A%20B", NONE, 200, HEAT_KEPT | {"streamId": "a b", "dataType": "Date-Time", "valueField": "$['When']"}),
        ("PUT", STREAMS, [HEAT, HEAT | {"dataType": "Money"}], 400, says("dataType")),
        ("PUT", STREAMS, [HEAT, HEAT], 400, says("Configuration object contains duplicate IDs")),
        ("PUT", STREAMS, [HEAT | {"topic": " "}], 400, says("topic: is blank")),
        ("PUT", STREAMS, [HEAT | {"topic": "a/#/b"}], 400, says("topic")),
        ("PUT", STREAMS, [HEAT | {"valueField": "value"}], 400, says("valueField: is no JSON path")),
        ("PUT", STREAMS, [HEAT | {"dataFields": {"x": "$.x", "y": "$.y"}}], 400, says("exactly one of valueField and dataFields")),
        ("PUT", STREAMS, [{"topic": "a", "dataType": "Boolean"}], 400, says("exactly one of valueField and dataFields")),
        ("PUT", STREAMS, [HEAT | {"indexFormat": "yyyy"}], 400, says("indexFormat")),
        ("PUT", STREAMS, [HEAT | {"streamId": "__a"}], 400, says("streamId")),
        ("PUT", STREAMS, [HEAT | {"streamId": "a..b"}], 400, says("streamId")),
        ("PUT", STREAMS, [HEAT | {"metricName": "x"}], 400, says("Invalid fields specified - metricName")),
        ("PUT", STREAMS, [{"topic": "car", "dataType": "geolocation", "dataFields": {"latitude": "$.a", "Longitude": "$.b"}, "streamId": "car"}], 204, NONE),
        ("GET", f"{STREAMS}/car", NONE, 200, holds(dataFields={"Latitude": "$.a", "Longitude": "$.b"}, dataType="Geolocation")),
        ("PUT", STREAMS, [{"topic": "car", "dataType": "Coordinates", "dataFields": {"x": "$.a"}}], 400, says("dataFields")),
        ("PUT", FILTERS, [{"id": "none"}], 400, says("absoluteDeadband")),
        ("PUT", FILTERS, [{"id": "both", "absoluteDeadband": 1, "percentChange": 1}], 400, says("absoluteDeadband")),
        ("PUT", FILTERS, [{"absoluteDeadband": 1}], 400, says("id")),
        ("PUT", FILTERS, [{"id": "less", "percentChange": -1}], 400, says("percentChange")),
        ("DELETE", f"{STREAMS}/car", NONE, 204, NONE),
        ("GET", STREAMS, NONE, 200, []),
    ],
    "components": [
        ("POST", COMPONENTS, SPB, 204, NONE),
        ("GET", COMPONENTS, NONE, 200, [FIRST, SPB]),
        ("GET", f"{COMPONENTS}/spb 1", NONE, 200, SPB),
        ("POST", COMPONENTS, {"ComponentId": "mqtt1", "ComponentType": "MQTT"}, 400, says("Configuration object contains duplicate IDs")),
        ("PUT", f"{COMPONENTS}/MQTT2", {"componentType": "mqtt"}, 204, NONE),
        ("GET", COMPONENTS, NONE, 200, [FIRST, FIRST | {"componentId": "MQTT2"}, SPB]),
        ("PUT", "configuration/Spb 1/dataSource", {"hostNameOrIpAddress": "a", "primaryHostId": "a/b"}, 400, says("primaryHostId")),
        ("PUT", "configuration/spb 1/dataSource", {"hostNameOrIpAddress": "a", "primaryHostId": "Line"}, 204, NONE),
        ("PUT", "configuration/spb 1/dataSelection", [{"topic": "spBv1.0/G/DDATA/E/D", "metricName": "Speed"}], 204, NONE),
        ("GET", "configuration/spb 1/dataSelection", NONE, 200, [{"selected": True, "name": None, "streamId": "spBv1.0/G/E/D.Speed", "dataFilterId": None, "topic": "spBv1.0/G/DDATA/E/D", "metricName": "Speed"}]),
        ("PUT", "configuration/spb 1/dataSelection", [{"topic": "spBv1.0/G/NDATA/E/D", "metricName": "Speed"}], 400, says("NDATA has no device")),
        ("PUT", "configuration/spb 1/dataSelection", [{"topic": "spBv1.0/G/NBIRTH/E", "metricName": "Speed"}], 400, says("topic")),
        ("PUT", "configuration/spb 1/dataSelection", [{"topic": "spBv1.0/+/NDATA/E", "metricName": "Speed"}], 400, says("topic")),
        ("PUT", f"{COMPONENTS}/MQTT2", {"componentType": "MQTTSparkplugB"}, 400, says("is of type MQTT")),
        ("POST", COMPONENTS, {"componentId": "X", "componentType": "OpcUa"}, 400, says("Adapter type 'OpcUa' isn't registered. Please use the registered adapter type: MQTT")),
        ("POST", COMPONENTS, {"componentId": "Management", "componentType": "MQTT"}, 400, says("Cannot add component id 'Management'.")),
        ("POST", COMPONENTS, {"componentId": "system", "componentType": "MQTT"}, 400, says("Cannot add component id 'system'.")),
        ("POST", COMPONENTS, {"componentId": "conflicts", "componentType": "MQTT"}, 400, says("Cannot add component id 'conflicts'.")),
        ("POST", COMPONENTS, {"componentId": " MQTT3", "componentType": "MQTT"}, 400, says("begins or ends with a space")),
        ("POST", COMPONENTS, {"componentId": "a#b", "componentType": "MQTT"}, 400, says("holds #")),
        ("POST", COMPONENTS, {"componentId": "x" * 100, "componentType": "MQTT"}, 400, says("99")),
        ("POST", COMPONENTS, {"componentType": "MQTT"}, 400, says("componentId")),
        ("DELETE", COMPONENTS, NONE, 400, {"error": "Entire components configuration cannot be deleted. Individual components can be deleted by ID.", "reason": "", "resolution": ""}),
        ("DELETE", f"{COMPONENTS}/MQTT2", NONE, 204, NONE),
        ("DELETE", f"{COMPONENTS}/MQTT2", NONE, 400, says("Configuration entry with ID: 'MQTT2' wasn't found")),
        ("PUT", COMPONENTS, [SPB], 204, NONE),
        ("GET", MQTT1, NONE, 404, says("Component with ID: 'MQTT1' was not found.")),
        ("GET", "configuration/spb 1/dataSource", NONE, 200, holds(primaryHostId="Line", defaultStreamIdPattern="{BaseTopic}.{MetricName}")),
    ],
    "secrets": [
        ("PUT", SOURCE, {"hostNameOrIpAddress": "broker", "userName": "u", "password": MASK}, 400, says(f"Secret fields can not be {MASK}")),
        ("PUT", SOURCE, {"hostNameOrIpAddress": "broker", "userName": "u", "password": "first"}, 204, NONE),
        ("GET", SOURCE, NONE, 200, BROKER | {"userName": "u", "password": "{{MQTT1.DataSource.Password}}"}),
        ("GET", SECRETS, NONE, 200, [{"id": "MQTT1.DataSource.Password", "description": None, "expirationDate": None, "value": MASK}]),
        ("PATCH", SOURCE, {"password": MASK}, 204, NONE),
        ("PUT", SOURCE, {"hostNameOrIpAddress": "broker", "userName": "u", "password": "{{nowhere}}"}, 400, says("there is no secret 'nowhere'")),
        ("PUT", f"{SECRETS}/mine", {"value": "second", "description": "of the broker"}, 204, NONE),
        ("PUT", SOURCE, {"hostNameOrIpAddress": "broker", "userName": "u", "password": "{{mine}}"}, 204, NONE),
        ("GET", SECRETS, NONE, 200, [{"id": "mine", "description": "of the broker", "expirationDate": None, "value": MASK}]),
        ("GET", f"{SECRETS}/MINE", NONE, 200, holds(id="mine", value=MASK)),
        ("DELETE", f"{SECRETS}/mine", NONE, 400, says("Secret 'mine' is in use by MQTT1 DataSource.")),
        ("DELETE", SECRETS, NONE, 400, says("in use")),
        ("PUT", f"{SECRETS}/mine", {"value": MASK, "expirationDate": "2030-01-01"}, 204, NONE),
        ("PUT", f"{SECRETS}/other", {"value": MASK}, 400, says(f"Secret fields can not be {MASK}")),
        ("PUT", f"{SECRETS}/other", {"value": "{{mine}}"}, 400, says("value")),
        ("PUT", f"{SECRETS}/other", {"description": "no value"}, 400, says("value: is required")),
        ("PUT", f"{SECRETS}/other", {"value": ""}, 400, says("value: is empty")),
        ("PUT", SECRETS, [{"id": "mine", "value": MASK}, {"id": "b", "value": "third"}], 204, NONE),
        ("POST", SECRETS, {"id": "c", "value": "fourth"}, 405, says("not allowed")),
        ("GET", f"{SECRETS}/nowhere", NONE, 404, says("Requested configuration entry with ID: 'nowhere' was not found.")),
        ("DELETE", f"{SECRETS}/nowhere", NONE, 400, says("wasn't found")),
        ("DELETE", SOURCE, NONE, 204, NONE),
        ("DELETE", SECRETS, NONE, 204, NONE),
        ("GET", SECRETS, NONE, 200, []),
        ("PUT", f"{SECRETS}/a{{b", {"value": "x"}, 400, says("id")),
    ],
    "everything at once": [
        ("PUT", "configuration", {"MQTT1": {"DataSource": {"hostNameOrIpAddress": "broker"}, "dataselection": [HEAT]}}, 204, NONE),
        ("GET", STREAMS, NONE, 200, [HEAT_KEPT]),
        ("PUT", "configuration", {"MQTT1": {"DataSource": {"hostNameOrIpAddress": "other"}, "DataFilters": [{}]}}, 400, holds(count=1)),
        ("GET", SOURCE, NONE, 200, BROKER),
        ("PUT", "configuration", {"Spb 1": {"DataSource": {"hostNameOrIpAddress": "a"}}}, 400, says("Component with ID: 'Spb 1' was not found.")),
        ("PUT", "configuration", {"Spb 1": {"DataSource": {"hostNameOrIpAddress": "a"}}, "system": {"components": [FIRST, SPB]}}, 204, NONE),
        ("GET", "configuration/spb 1/dataSource", NONE, 200, holds(hostNameOrIpAddress="a", primaryHostId=None)),
        ("PUT", "configuration", {"MQTT1": {"DataSource": {}, "Discoveries": ["anything"], "HistoryRecoveries": 1}}, 204, NONE),
        ("GET", SOURCE, NONE, 200, {}),
        ("PUT", "configuration", {"MQTT1": {"Colour": 1}, "X": {"Y": 1}}, 400, holds(count=2)),
        ("PUT", "configuration", [], 400, holds(count=1)),
        ("PUT", "configuration", {"MQTT1": 1}, 400, holds(count=1)),
    ],
    "administration and diagnostics": [
        ("POST", "administration/MQTT1/Stop", NONE, 204, NONE),
        ("POST", "administration/mqtt1/stop", NONE, 204, NONE),
        ("POST", "administration/MQTT1/Start", NONE, 204, NONE),
        ("POST", "administration/MQTT1/Dance", NONE, 404, says("Component with ID: 'MQTT1' doesn't support 'Dance' function.")),
        ("POST", "administration/Elsewhere/Start", NONE, 404, says("Component with ID: 'Elsewhere' doesn't have any functions registered.")),
        ("POST", "administration/System/Start", NONE, 404, says("Component with ID: 'System' doesn't have any functions registered.")),
        ("GET", "administration/MQTT1/Start", NONE, 405, says("not allowed")),
        ("GET", "diagnostics/ProductInformation", NONE, 200, holds(**{"Product Name": "Tandem", "Product Version": ANY, "Operating System": ANY})),
        ("GET", "Diagnostics/SYSTEM", NONE, 200, holds(processIdentifier=ANY, threadCount=ANY)),
        ("POST", "diagnostics/system", NONE, 405, says("not allowed")),
    ],
}
# fmt: on
