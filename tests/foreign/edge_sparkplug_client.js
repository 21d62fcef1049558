// An edge node as its users would write one with sparkplug-client; run in a folder of its own.
//
// node edge_sparkplug_client.js HOST PORT OTHER_PORT USERNAME PASSWORD GROUP EDGE
"use strict";
const { newClient } = require(process.cwd() + "/node_modules/sparkplug-client");

const [host, port, otherPort, username, password, groupId, edgeNode] = process.argv.slice(2);
const servers = [port, otherPort].map((each) => ({ host, port: Number(each) }));
const client = newClient({
  serverUrl: `tcp://${host}:${port}`,
  username,
  password,
  groupId,
  edgeNode,
  clientId: `${groupId}-${edgeNode}`,
  keepalive: 5,
  // Below it is mqtt.js, which walks through a list of servers; the library knows no primary host.
  mqttOptions: { servers, reconnectPeriod: 1000 },
});
const now = () => Date.now();
const values = { Counter: 0, Setpoint: 1 };
const metric = (name) => ({ name, type: "Int64", value: values[name], timestamp: now() });
let born = false;

function birth() {
  const rebirth = { name: "Node Control/Rebirth", type: "Boolean", value: false, timestamp: now() };
  client.publishNodeBirth({ timestamp: now(), metrics: [metric("Counter"), metric("Setpoint"), rebirth] });
  born = true;
}
client.on("birth", birth);
client.on("close", () => (born = false));
client.on("ncmd", (payload) => {
  for (const one of payload.metrics || []) {
    if (one.name === "Node Control/Rebirth") birth();
    if (one.name !== "Setpoint") continue;
    values.Setpoint = Number(one.value);
    client.publishNodeData({ timestamp: now(), metrics: [metric("Setpoint")] });
  }
});
setInterval(() => {
  values.Counter += 1;
  if (born) client.publishNodeData({ timestamp: now(), metrics: [metric("Counter")] });
}, 200);
