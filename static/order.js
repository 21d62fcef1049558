// The order of a component's servers by dragging; the buttons in each row do the same with the keyboard.
const form = document.querySelector("form[data-order]");
const body = document.querySelector("[data-rows]");
const usable = form && body && document.body.dataset.acting === "yes";

if (usable) {
  let held = null, before = "";
  for (const grip of body.querySelectorAll("[data-grip]")) grip.dataset.ready = "";

  body.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest("[data-grip]");
    if (!grip) return;
    event.preventDefault();
    held = grip.closest("[data-row]");
    held.dataset.held = "";
    before = spelled();
    body.setPointerCapture(event.pointerId);
  });
  body.addEventListener("pointermove", (event) => {
    if (!held) return;
    for (const row of body.querySelectorAll("[data-row]")) {
      const box = row.getBoundingClientRect();
      if (row === held || event.clientY < box.top || event.clientY > box.bottom) continue;
      const down = held.compareDocumentPosition(row) & Node.DOCUMENT_POSITION_FOLLOWING;
      row[down ? "after" : "before"](held);
      break;
    }
  });
  body.addEventListener("pointerup", () => {
    if (!held) return;
    delete held.dataset.held;
    held = null;
    if (spelled() !== before) form.submit();
  });
  body.addEventListener("pointercancel", () => location.reload());
}

function spelled() {
  return [...body.querySelectorAll("input[name=order]")].map((input) => input.value).join("\n");
}
