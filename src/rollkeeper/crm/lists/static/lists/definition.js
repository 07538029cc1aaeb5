// A list's definition: only what belongs to the chosen kind is shown, and after a step of the rule builder the
// keyboard is where the step was. Without this script everything is shown, and each step loads the page again.
(() => {
  "use strict";

  const form = document.querySelector("form[data-definition]");
  if (!form) return;
  const kind = form.elements.namedItem("kind");

  function show() {
    for (const part of form.querySelectorAll("[data-kind]")) {
      part.hidden = !part.dataset.kind.split(" ").includes(kind.value);
    }
  }

  // Only where htmx did not find the element again that had the focus (a button keeps its place in the order).
  document.body.addEventListener("htmx:afterSettle", () => {
    const builder = document.getElementById("rule-builder");
    if (!builder || !builder.dataset.focus || document.activeElement !== document.body) return;
    const next = document.getElementById(builder.dataset.focus);
    if (next) next.focus();
  });

  kind.addEventListener("change", show);
  window.addEventListener("pageshow", show);
  show();
})();
