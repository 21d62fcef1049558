// Runs before the first paint, so that a dark page never flashes white. "auto" follows the system.
(() => {
  "use strict";
  const order = ["auto", "light", "dark"];
  const root = document.documentElement;
  const stored = () => {
    try { return localStorage.getItem("tandem-theme") || "auto"; } catch { return "auto"; }
  };
  const show = (theme) => {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    const button = document.querySelector("[data-theme-toggle]");
    if (button) button.textContent = `Theme: ${theme}`;
  };
  show(order.includes(stored()) ? stored() : "auto");
  document.addEventListener("DOMContentLoaded", () => {
    show(stored());
    document.querySelector("[data-theme-toggle]")?.addEventListener("click", () => {
      const next = order[(order.indexOf(stored()) + 1) % order.length];
      try { localStorage.setItem("tandem-theme", next); } catch { /* a locked-down browser: this page only */ }
      show(next);
    });
  });
})();
