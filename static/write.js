// Writing a value: choose, enter with limits in sight, confirm what goes where, read what became of it.
// The server decides everything again; this only keeps a slip of the hand from being sent.
import {setText} from "./readings.js";
import {textOf} from "./spelling.js";

const WORDS = {
  confirmed: "Confirmed: the edge node answered with the new value.",
  sent: "Sent. No answer has come yet.",
  failed: "Failed.",
  refused: "Refused.",
  unknown: "Unknown: the role changed hands meanwhile. Look at the value before you write again.",
};

export function startWriting(readings, ready) {
  const dialog = document.getElementById("write");
  if (!dialog) return;
  const form = dialog.querySelector("form");
  const part = (name) => dialog.querySelectorAll(`[data-${name}]`);
  const say = (name, text) => part(name).forEach((element) => setText(element, text));
  let target = null, field = form.elements.value;

  const step = (name) => {
    for (const section of dialog.querySelectorAll("[data-step]")) section.hidden = section.dataset.step !== name;
    dialog.querySelector(`[data-step=${name}] :is(input, textarea):not([hidden]), [data-step=${name}] .main`)?.focus();
  };
  const problem = (text) => {
    const line = dialog.querySelector("[data-problem]");
    line.hidden = !text;
    setText(line, text);
  };
  const current = () => {
    const shown = [...document.querySelectorAll("[data-tag]")].find((each) => each.dataset.tag === target.path);
    const point = readings.points.get(target.path);
    return {value: point ? point[0] : undefined, text: shown ? shown.textContent : "–",
            quality: shown ? shown.dataset.quality : "notfound"};
  };

  function open(button) {
    target = {path: button.dataset.write, name: button.dataset.label, type: button.dataset.type ?? "",
              unit: button.dataset.unit ?? "", low: number(button.dataset.low), high: number(button.dataset.high)};
    form.reset();
    form.elements.path.value = target.path;
    say("name", target.name);
    say("path", target.path);
    say("unit", target.unit);
    say("node", document.querySelector("meta[name=tandem-feed]").dataset.node);
    field = form.elements[/Array$|^DataSet$/.test(target.type) ? "whole" : "value"];
    for (const each of [form.elements.whole, form.elements.value]) each.hidden = each !== field;
    dialog.querySelector("label").htmlFor = field.id;
    field.value = field.name === "whole" ? entryOf(current().value) : "";
    const limits = limitsText(target);
    part("limits").forEach((element) => { element.hidden = !limits; });
    say("limits-text", limits);
    problem("");
    refresh();
    dialog.showModal();
    step("enter");
  }

  function refresh() {
    if (!dialog.open && target === null) return;
    const {text, quality} = current();
    say("now", quality === "good" ? text : `${text} (${quality})`);
  }

  function review() {
    const text = field.value.trim();
    const reason = wrong(text, target) || (ready() ? "" : "This page has no live connection to its node. Nothing was sent.");
    problem(reason);
    if (reason) return;
    const now = current();
    target.expected = now.value;
    say("old", now.text);
    say("new", `${textOf(target.type === "DataSet" ? json(text) : text)}${target.unit ? `\u00a0${target.unit}` : ""}`);
    step("confirm");
  }

  async function send() {
    const text = field.value.trim();
    step("outcome");
    say("outcome", "Writing…");
    const body = {writes: [{path: target.path, value: text, ...(target.expected === undefined ? {} : {expected: target.expected})}]};
    try {
      const response = await fetch(form.action, {
        method: "POST",
        headers: {"Content-Type": "application/json", "Accept": "application/json",
                  "X-CSRFToken": form.elements.csrfmiddlewaretoken.value},
        body: JSON.stringify(body),
      });
      const answer = await response.json();
      if (!response.ok) say("outcome", `Refused. ${answer.reason ?? ""} ${answer.resolution ?? ""}`);
      else say("outcome", `${WORDS[answer[0].outcome] ?? answer[0].outcome} ${answer[0].detail ?? ""}`);
      part("outcome").forEach((line) => { line.dataset.outcome = response.ok ? answer[0].outcome : "refused"; });
    } catch {
      // The request may have arrived: saying "failed" would invite a second write.
      say("outcome", "Unknown: the node stopped answering. Look at the value before you write again.");
      part("outcome").forEach((line) => { line.dataset.outcome = "unknown"; });
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-write]");
    if (button) open(button);
  });
  dialog.querySelector("[data-next]").addEventListener("click", review);
  dialog.querySelector("[data-back]").addEventListener("click", () => step("enter"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (dialog.querySelector("[data-step=confirm]").hidden) review();
    else send();
  });
  dialog.addEventListener("close", () => { delete form.dataset.touched; target = null; });
  setInterval(() => { if (dialog.open) refresh(); }, 250);
}

const LONGEST_ENTRY = 20_000;

// A list or a table is changed more often than written anew: begin with what is there, if it can be typed.
function entryOf(value) {
  const text = value === null || typeof value !== "object" ? "" : JSON.stringify(value);
  return text.length > LONGEST_ENTRY ? "" : text;
}

function json(text) {
  try { return JSON.parse(text); } catch { return undefined; }
}

function wrongList(text, {type, low, high}) {
  const elements = json(text), kind = type.slice(0, -"Array".length);
  if (!Array.isArray(elements)) return `${type}: enter a list in brackets, [1, 2, 3] for example.`;
  if (kind === "String") {
    const at = elements.findIndex((element) => typeof element !== "string");
    return at < 0 ? "" : `Element ${at}: enter a text in quotation marks.`;
  }
  for (const [at, element] of elements.entries()) {
    // Beyond 2^53 JavaScript would round a number; its text says the same to the server.
    const reason = Array.isArray(element) || element === null ? "Enter one value."
      : kind !== "Boolean" && typeof element === "boolean" ? `${kind}: enter a number.`
        : /^(NaN|-?Infinity)$/.test(element) && /^(Float|Double)$/.test(kind) ? ""
          : wrong(String(element), {type: kind, low, high});
    if (reason) return `Element ${at}: ${reason}`;
  }
  return "";
}

function number(text) {
  return text === undefined || text === "" ? null : Number(text);
}

function limitsText({low, high, unit}) {
  const suffix = unit ? `\u00a0${unit}` : "";
  if (low !== null && high !== null) return `${textOf(low)} to ${textOf(high)}${suffix}`;
  if (low !== null) return `at least ${textOf(low)}${suffix}`;
  return high !== null ? `at most ${textOf(high)}${suffix}` : "";
}

function wrong(text, {type, low, high}) {
  if (text === "" && type !== "String") return "Enter a value.";
  if (/Array$/.test(type)) return wrongList(text, {type, low, high});
  if (type === "DataSet") return json(text) instanceof Object ? "" : "DataSet: enter a table as JSON.";
  if (/^U?Int\d+$/.test(type) && !/^[+-]?\d+$/.test(text)) return `${type}: enter a whole number.`;
  if (/^(Float|Double)$/.test(type) && !Number.isFinite(Number(text))) return `${type}: enter a number.`;
  if (type === "Boolean" && !/^(true|false)$/i.test(text)) return "Enter true or false.";
  if (low !== null && Number(text) < low) return `The lowest value is ${low}.`;
  if (high !== null && Number(text) > high) return `The highest value is ${high}.`;
  return "";
}
