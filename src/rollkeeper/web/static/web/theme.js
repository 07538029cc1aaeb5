// Light, dark, or as the device: chosen before the first paint, so that nothing flashes.
(() => {
  "use strict";
  const KEY = "rollkeeper-theme";
  const device = window.matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      return localStorage.getItem(KEY) || "auto";
    } catch {
      return "auto"; // storage is switched off: the choice lasts as long as the page
    }
  }

  function apply(choice) {
    const dark = choice === "dark" || (choice === "auto" && device.matches);
    document.documentElement.setAttribute("data-bs-theme", dark ? "dark" : "light");
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
    }
  }

  apply(chosen());
  device.addEventListener("change", () => apply(chosen()));
  document.addEventListener("DOMContentLoaded", () => apply(chosen()));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    try {
      localStorage.setItem(KEY, button.dataset.themeChoice);
    } catch {
      // as above
    }
    apply(button.dataset.themeChoice);
  });
})();
