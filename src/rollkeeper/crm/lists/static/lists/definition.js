// A list's definition: only the field of the chosen kind is shown. Without this script all three are.
(() => {
  "use strict";

  const form = document.querySelector("form[data-definition]");
  if (!form) return;
  const kind = form.elements.namedItem("kind");

  function show() {
    for (const name of ["rule", "sql", "ids"]) {
      form.elements.namedItem(name).closest(".form-field").hidden = kind.value !== name;
    }
  }

  kind.addEventListener("change", show);
  window.addEventListener("pageshow", show);
  show();
})();
