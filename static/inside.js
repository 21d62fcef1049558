// The inside of a value on its tag's page: a table's rows, a list's elements, a long text.
// The same as hmi/pages/inside.py, for when the value changes.
import {LONGEST_TEXT, textOf} from "./spelling.js";

const MOST_ROWS = 50, MOST_COLUMNS = 20, MOST_ELEMENTS = 200, MOST_CHARACTERS = 4000;

export function drawInside(box, value) {
  const parts = [];
  let note = "";
  if (Array.isArray(value)) {
    if (value.length) parts.push(list(value.slice(0, MOST_ELEMENTS)));
    note = more([value.length - MOST_ELEMENTS, "elements"]);
  } else if (value !== null && typeof value === "object") {
    const {columns = [], types = [], rows = []} = value;
    if (columns.length) parts.push(table(columns.slice(0, MOST_COLUMNS), types, rows.slice(0, MOST_ROWS)));
    note = more([rows.length - MOST_ROWS, "rows"], [columns.length - MOST_COLUMNS, "columns"]);
  } else if (typeof value === "string" && value.length > LONGEST_TEXT) {
    const characters = [...value];
    if (characters.length > LONGEST_TEXT) parts.push(made("p", characters.slice(0, MOST_CHARACTERS).join(""), "text"));
    note = more([characters.length - MOST_CHARACTERS, "characters"]);
  }
  if (note) parts.push(made("p", note, "empty"));
  keepingPlace(box, () => box.replaceChildren(...parts));
}

function list(elements) {
  const whole = made("ol", "", "elements");
  elements.forEach((element, number) => {
    const item = made("li");
    item.append(made("span", number, "k"), made("span", textOf(element)));
    whole.append(item);
  });
  return whole;
}

function table(columns, types, rows) {
  const whole = made("table", "", "list rows"), head = made("tr"), body = made("tbody");
  const styles = columns.map((_, number) => /^(U?Int\d+|Float|Double)$/.test(types[number]) ? "num" : "");
  head.append(made("td"));
  columns.forEach((name, number) => {
    const cell = Object.assign(made("th", textOf(name), styles[number]), {scope: "col"});
    cell.append(made("small", types[number]));
    head.append(cell);
  });
  rows.forEach((row, number) => {
    const line = made("tr");
    line.append(Object.assign(made("th", number), {scope: "row"}));
    line.append(...columns.map((_, place) => made("td", textOf(row[place]), styles[place])));
    body.append(line);
  });
  whole.append(made("thead"), body);
  whole.tHead.append(head);
  const frame = made("div", "", "scroll");
  frame.tabIndex = 0;
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", "Rows");
  frame.append(whole);
  return frame;
}

// Somebody may have scrolled a wide table, or stand in it with the keyboard.
function keepingPlace(box, draw) {
  const before = box.querySelector(".scroll");
  const [left, focused] = [before?.scrollLeft ?? 0, before !== null && before === document.activeElement];
  draw();
  const after = box.querySelector(".scroll");
  if (after) after.scrollLeft = left;
  if (after && focused) after.focus({preventScroll: true});
}

function more(...missing) {
  const parts = missing.filter(([count]) => count > 0).map(([count, what]) => `${count} more ${what}`);
  return parts.length ? `${parts.join(" and ")} not shown.` : "";
}

function made(name, text = "", style = "") {
  const element = document.createElement(name);
  element.textContent = text;
  if (style) element.className = style;
  return element;
}
