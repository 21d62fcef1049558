"use strict";
// Speaks for npm's sparkplug-payload; lines.py says how. Its one argument is the folder with the package.

const path = require("path");
const readline = require("readline");
const folder = process.argv[2];
const library = require(path.join(folder, "sparkplug-payload")).get("spBv1.0");
const Long = require(path.join(folder, "long"));

const LONG = new Set(["Int64", "UInt64", "DateTime"]);
const BLOBS = new Set(["Bytes", "File"]);
const INTEGERS = new Set(["Int8", "Int16", "Int32", "UInt8", "UInt16", "UInt32"]);
const FRACTIONS = new Set(["Float", "Double"]);
// Ours and theirs.
const METADATA = [
  ["is_multi_part", "isMultiPart"], ["content_type", "contentType"], ["size", "size"], ["seq", "seq"],
  ["file_name", "fileName"], ["file_type", "fileType"], ["md5", "md5"], ["description", "description"],
];
const WIDE = new Set(["size", "seq"]);

// To what the library takes

function native(payload, born) {
  return {
    timestamp: long(payload.timestamp),
    seq: long(payload.seq),
    uuid: payload.uuid === null ? undefined : payload.uuid,
    body: payload.body === null ? undefined : Buffer.from(payload.body, "base64"),
    metrics: payload.metrics.map((metric) => nativeMetric(metric, born)),
  };
}

function nativeMetric(metric, born) {
  const made = { type: metric.type, value: nativeValue(metric.type, metric.value) };
  // Its metrics always have a type; the only way to leave it out is to give none.
  if (born) made.type = undefined;
  if (metric.name !== null && !born) made.name = metric.name;
  if (metric.alias !== null) made.alias = long(metric.alias);
  if (metric.timestamp !== null) made.timestamp = long(metric.timestamp);
  if (metric.historical) made.isHistorical = true;
  if (metric.transient) made.isTransient = true;
  if (metric.properties !== null) made.properties = nativeProperties(metric.properties);
  if (metric.metadata !== null) made.metadata = nativeMetadata(metric.metadata);
  return made;
}

function nativeValue(type, value) {
  if (value === null) return null;
  if (LONG.has(type)) return Long.fromString(value, type !== "Int64");
  if (INTEGERS.has(type) || FRACTIONS.has(type)) return Number(value);
  if (BLOBS.has(type)) return Buffer.from(value, "base64");
  if (type === "DataSet") return nativeDataSet(value);
  if (type === "Template") return nativeTemplate(value);
  if (type === "PropertySet") return nativeProperties(value);
  if (type === "PropertySetList") return value.map(nativeProperties);
  if (type.endsWith("Array")) return value.map((element) => nativeValue(type.slice(0, -5), element));
  return value;
}

function nativeDataSet(value) {
  return {
    numOfColumns: value.columns.length,
    columns: value.columns,
    types: value.types,
    rows: value.rows.map((row) => row.map((cell, n) => nativeValue(value.types[n], cell))),
  };
}

function nativeTemplate(value) {
  return {
    isDefinition: value.definition,
    templateRef: value.reference === null ? undefined : value.reference,
    version: value.version === null ? undefined : value.version,
    parameters: value.parameters.map(([name, type, held]) => ({ name, type, value: nativeValue(type, held) })),
    metrics: value.metrics.map((metric) => nativeMetric(metric, false)),
  };
}

function nativeProperties(properties) {
  return Object.fromEntries(properties.map(([key, type, value]) => [key, { type, value: nativeValue(type, value) }]));
}

function nativeMetadata(metadata) {
  const given = METADATA.filter(([ours]) => ours in metadata);
  return Object.fromEntries(
    given.map(([ours, theirs]) => [theirs, WIDE.has(ours) ? long(metadata[ours]) : metadata[ours]]));
}

// From what the library hands out

function plain(payload) {
  return {
    timestamp: digits(payload.timestamp),
    seq: digits(payload.seq),
    uuid: or(payload.uuid, null),
    body: payload.body === undefined ? null : Buffer.from(payload.body).toString("base64"),
    metrics: or(payload.metrics, []).map(plainMetric),
  };
}

function plainMetric(metric) {
  return {
    name: or(metric.name, null),
    alias: digits(metric.alias),
    timestamp: digits(metric.timestamp),
    type: or(metric.type, null),
    value: plainValue(metric.type, metric.value),
    historical: or(metric.isHistorical, false),
    transient: or(metric.isTransient, false),
    properties: metric.properties === undefined ? null : plainProperties(metric.properties),
    metadata: metric.metadata === undefined ? null : plainMetadata(metric.metadata),
  };
}

function plainValue(type, value) {
  if (value === null || value === undefined) return null;
  if (typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (Long.isLong(value)) return value.toString();
  if (BLOBS.has(type)) return Buffer.from(value).toString("base64");
  if (type === "DataSet") return plainDataSet(value);
  if (type === "Template") return plainTemplate(value);
  if (type === "PropertySet") return plainProperties(value);
  if (type === "PropertySetList") return value.map(plainProperties);
  throw new Error("a value that this peer has no words for");
}

function plainDataSet(value) {
  const rows = value.rows.map((row) => row.map((cell, n) => plainValue(value.types[n], cell)));
  return { columns: value.columns, types: value.types, rows };
}

function plainTemplate(value) {
  return {
    reference: or(value.templateRef, null),
    version: or(value.version, null),
    definition: or(value.isDefinition, false),
    parameters: or(value.parameters, []).map((one) => [one.name, one.type, plainValue(one.type, one.value)]),
    metrics: or(value.metrics, []).map(plainMetric),
  };
}

function plainProperties(properties) {
  return Object.entries(properties).map(([key, one]) => [key, or(one.type, null), plainValue(one.type, one.value)]);
}

function plainMetadata(metadata) {
  const given = METADATA.filter(([, theirs]) => theirs in metadata);
  return Object.fromEntries(
    given.map(([ours, theirs]) => [ours, WIDE.has(ours) ? digits(metadata[theirs]) : metadata[theirs]]));
}

function long(digits) {
  return digits === null ? undefined : Long.fromString(digits, true);
}

function digits(number) {
  return number === undefined || number === null ? null : String(number);
}

function or(value, other) {
  return value === undefined ? other : value;
}

// The conversation

let job = () => {};

function answer(question) {
  if (question.do === "decode") return { payload: plain(library.decodePayload(bytes(question.payload))), detours: [] };
  if (question.do === "encode") {
    const written = library.encodePayload(native(question.payload, question.birth !== null));
    return { payload: Buffer.from(written).toString("base64"), detours: [] };
  }
  if (question.do === "prepare") {
    const given = question.job === "decode" ? bytes(question.payload) : native(question.payload, false);
    job = question.job === "decode" ? () => library.decodePayload(given) : () => library.encodePayload(given);
    return {};
  }
  return { rate: rate(question.seconds) };
}

function bytes(base64) {
  return new Uint8Array(Buffer.from(base64, "base64"));
}

// Calls per CPU-second, collector and compiler included.
function rate(seconds) {
  const start = process.cpuUsage();
  let count = 0;
  for (;;) {
    for (let n = 0; n < 20; n++) job();
    count += 20;
    const spent = process.cpuUsage(start);
    const elapsed = (spent.user + spent.system) / 1e6;
    if (elapsed >= seconds) return count / elapsed;
  }
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  let answered;
  try {
    answered = answer(JSON.parse(line));
  } catch (error) {
    answered = { error: `${error.name}: ${error.message}`.slice(0, 200) };
  }
  process.stdout.write(JSON.stringify(answered) + "\n");
});
