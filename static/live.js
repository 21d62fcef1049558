// The page's side of the live feed: values, strip, banner and clock follow whichever node answers.
import {Feed} from "./feed.js";
import {Readings, ageText, setText} from "./readings.js";
import {startWriting} from "./write.js";
import {startDialogs} from "./dialogs.js";
import {startWires} from "./wires.js";

const pair = document.querySelector("meta[name=tandem-feed]").dataset;
const root = document.documentElement;
const here = () => location.pathname + location.search + location.hash;
const readings = new Readings();
// What the page was made with counts until the first ping: ages run from the start.
const server = {time: Number(document.querySelector("[data-clock]")?.dataset.time) || null, heard: performance.now()};

// Cookies and the feed's door know the pair's own addresses only: a page under another name goes there.
if (pair.own && location.origin !== pair.own && location.origin !== pair.other) {
  location.replace(pair.own + here());
}

const feed = new Feed({
  own: location.origin === pair.other ? pair.other : pair.own || location.origin,
  other: location.origin === pair.other ? pair.own : pair.other,
  paths: () => readings.paths(),
  frame: apply,
  changed: showSource,
  move: moveAway,
});

function apply(frame, own) {
  if (frame.type === "ping") {
    server.time = frame.server_time;
    server.heard = performance.now();
    setText(document.querySelector("[data-clock]"), new Date(frame.server_time).toISOString().slice(11, 19));
  } else if (frame.type === "birth" || frame.type === "data") {
    readings.apply(frame.values);
  } else if (frame.type === "gateway" && own) {
    showGateway(frame);
    document.body.dispatchEvent(new CustomEvent("tandem:gateway"));
  }
  if (root.dataset.feed !== "live" && frame.type !== "gateway") showSource();
}

function showGateway(frame) {
  for (const [name, field] of Object.entries(frame.strip)) {
    const element = document.querySelector(`[data-strip="${CSS.escape(name)}"]`);
    if (!element) continue;
    setText(element, field.text);
    element.dataset.look = field.look;
    const since = element.parentElement.querySelector("[data-since]");
    if (since) since.dataset.since = field.since ?? "";
  }
  showActing(frame.state === "Active");
  const banner = document.querySelector("[data-banner]");
  for (const old of banner.querySelectorAll("p:not([data-feed-banner])")) old.remove();
  for (const said of frame.banner) banner.append(sentence(said));
}

// Values are written on the node that acts; the server refuses elsewhere, and so the button says so first.
function showActing(acting = document.body.dataset.acting === "yes") {
  document.body.dataset.acting = acting ? "yes" : "no";
  for (const button of document.querySelectorAll("button[data-write]")) {
    button.disabled = !acting;
    button.title = acting ? "" : "Values are written on the active node.";
  }
}

function sentence({level, text, href, link}) {
  const line = document.createElement("p");
  line.dataset.level = level;
  const words = document.createElement("span");
  words.textContent = text;
  line.append(words);
  if (href) {
    const anchor = document.createElement("a");
    Object.assign(anchor, {href, textContent: link});
    line.append(" ", anchor);
  }
  return line;
}

// What the page says about where its values come from. The banner is this page's own; the server's follow it.
function showSource() {
  const line = document.querySelector("[data-feed-banner]");
  const state = feed.silent ? "silent" : feed.onOther ? "other" : feed.current ? "live" : "searching";
  root.dataset.feed = state;
  if (state === "silent") {
    readings.distrust();
    banner(line, `No answer for ${Math.floor(feed.silentFor / 1000)} s. Everything on this page is old.`);
  } else if (state === "other") {
    banner(line, `${pair.node} does not answer; these values come from ${pair.otherNode}.`, true);
    const chip = document.querySelector('[data-strip="state"]');
    if (chip) Object.assign(chip.dataset, {look: "down"});
    setText(chip, "No answer");
  } else {
    line.hidden = true;
  }
}

function banner(line, text, withLink = false) {
  if (line.dataset.text !== text) {
    line.dataset.text = text;
    line.textContent = text;
    if (withLink) {
      const anchor = document.createElement("a");
      Object.assign(anchor, {href: feed.other + here(), textContent: `Go to ${pair.otherNode}`});
      line.append(" ", anchor);
    }
  }
  line.hidden = false;
}

// The other node answers and the page's own is gone: go there, unless somebody is in the middle of something.
function moveAway() {
  if (document.querySelector("dialog[open]") || document.querySelector("form[data-touched]")) return;
  location.replace(feed.other + here());
}

function tick() {
  const now = server.time === null ? null : server.time + (performance.now() - server.heard);
  if (feed.silent || feed.onOther) showSource();
  if (now === null) return;
  readings.age(now);
  const newest = readings.newest();
  setText(document.querySelector("[data-newest]"), newest ? ageText(now - newest) : "–");
}

function rescan() {
  const {added, removed} = readings.scan();
  showActing();
  if (added.length || removed.length) feed.resubscribe(added, removed);
  tick();
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) { feed.watch(); tick(); } });
document.addEventListener("htmx:afterSwap", rescan);
document.addEventListener("input", (event) => {
  const form = event.target.closest("form");
  if (form) form.dataset.touched = "";
});
// While the page's own node is gone a link would lead nowhere: follow it at the other one.
document.addEventListener("click", (event) => {
  const anchor = event.target.closest("a[href]");
  if (!anchor || !feed.onOther || anchor.origin !== location.origin) return;
  event.preventDefault();
  location.assign(feed.other + anchor.pathname + anchor.search + anchor.hash);
});

readings.scan();
showActing();
tick();
startDialogs();
startWriting(readings, () => !feed.silent && !feed.onOther);
startWires();
feed.start();
setInterval(tick, 1000);
