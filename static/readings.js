// Live values on the page: finds them, shows a point in one, and keeps their ages.
import {drawInside} from "./inside.js";
import {textOf} from "./spelling.js";

const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

export function ageText(ms) {
  if (ms < 0) ms = 0;
  if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  if (ms < MINUTE) return `${Math.floor(ms / 1000)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h`;
  return `${Math.floor(ms / DAY)} d`;
}

export class Readings {
  constructor() {
    this.byPath = new Map();     // path -> elements
    this.points = new Map();     // path -> [value, quality, ms]
  }

  // Look at the page again; answers which paths came and went.
  scan() {
    const before = new Set(this.byPath.keys());
    this.byPath.clear();
    for (const element of document.querySelectorAll("[data-tag]")) {
      const path = element.dataset.tag;
      if (!this.byPath.has(path)) this.byPath.set(path, []);
      this.byPath.get(path).push(element);
    }
    const now = new Set(this.byPath.keys());
    return {
      added: [...now].filter((path) => !before.has(path)),
      removed: [...before].filter((path) => !now.has(path)),
    };
  }

  paths() { return [...this.byPath.keys()]; }

  apply(values) {
    for (const [path, point] of Object.entries(values)) {
      this.points.set(path, point);
      for (const element of this.byPath.get(path) ?? []) show(element, point);
      if (point[0] === null && point[1] !== "Good") continue;
      for (const box of document.querySelectorAll("[data-inside]")) {
        if (box.dataset.inside === path) drawInside(box, point[0]);
      }
    }
  }

  // Nobody vouches for anything any more: what is shown stays readable, and says so.
  distrust() {
    for (const elements of this.byPath.values()) {
      for (const element of elements) element.dataset.quality = "stale";
    }
  }

  newest() {
    let newest = 0;
    for (const element of document.querySelectorAll("[data-tag][data-at]")) {
      newest = Math.max(newest, Number(element.dataset.at) || 0);
    }
    return newest;
  }

  // `now` is the server's time, not this machine's.
  age(now) {
    for (const small of document.querySelectorAll("[data-age]")) {
      const at = Number(small.parentElement.querySelector("[data-at]")?.dataset.at);
      setText(small, at ? ageText(now - at) : "");
    }
    for (const small of document.querySelectorAll("[data-since]")) {
      const since = Number(small.dataset.since);
      setText(small, since ? ageText(now - since) : "");
    }
  }
}

function show(element, [value, quality, at]) {
  // A node that has lost its source may not know the value; the last one stays readable.
  const known = value !== null || quality === "Good";
  if (known) {
    setText(element, textOf(value));
    showState(element.closest("[data-states]"), value);
    showBar(element.closest("[data-low]"), value);
  }
  element.dataset.quality = quality.toLowerCase();
  if (at) element.dataset.at = at;
}

function showState(indicator, value) {
  if (!indicator) return;
  const states = JSON.parse(indicator.dataset.states);
  const state = states.find((each) => each.value === value);
  indicator.dataset.style = state ? state.style : "attention";
  setText(indicator.querySelector("[data-word]"), state ? state.label : textOf(value));
}

function showBar(analogue, value) {
  const fill = analogue?.querySelector("[data-fill]");
  if (!fill) return;
  const low = Number(analogue.dataset.low), high = Number(analogue.dataset.high);
  const part = Math.max(0, Math.min(1, (Number(value) - low) / (high - low))) || 0;
  fill.setAttribute("width", `${(part * 100).toFixed(1)}%`);
}

export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}
