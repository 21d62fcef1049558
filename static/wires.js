// Draws each edge's wire to the broker that it is on. The same is said in words on the edge's card, so a
// page without script, or too narrow for wires, loses nothing.
const SVG = "http://www.w3.org/2000/svg";

export function startWires() {
  draw();
  const watch = new ResizeObserver(draw);
  const observe = () => document.querySelectorAll(".plant").forEach((plant) => watch.observe(plant));
  observe();
  document.addEventListener("htmx:afterSettle", () => { observe(); draw(); });
}

function draw() {
  for (const plant of document.querySelectorAll(".plant")) {
    const svg = plant.querySelector("svg.wires");
    if (!svg || getComputedStyle(svg).display === "none") continue;
    const frame = plant.getBoundingClientRect();
    svg.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
    const ends = [...plant.querySelectorAll("[data-wire-to]")].map((from) => ({
      from,
      to: plant.querySelector(`[data-wire-end="${CSS.escape(from.dataset.wireTo)}"]`),
    }));
    svg.replaceChildren(...ends.filter(({to}) => to).map(({from, to}, at) => wire(frame, from, to, at, ends.length)));
  }
}

function wire(frame, from, to, at, count) {
  const a = from.getBoundingClientRect(), b = to.getBoundingClientRect();
  const up = a.top >= b.bottom;
  const x1 = a.left + a.width / 2 - frame.left, y1 = (up ? a.top : a.bottom) - frame.top;
  // Wires that end at one broker end side by side.
  const x2 = b.left + b.width * (at + 1) / (count + 1) - frame.left, y2 = (up ? b.bottom : b.top) - frame.top;
  const bend = (y1 - y2) / 2;
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", `M${x1} ${y1} C${x1} ${y1 - bend} ${x2} ${y2 + bend} ${x2} ${y2}`);
  return path;
}
