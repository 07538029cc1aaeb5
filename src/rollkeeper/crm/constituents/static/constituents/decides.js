// Beside the flags: what decides whether someone is e-mailed, as the form is now. The words come from the server.
(() => {
  "use strict";

  const form = document.querySelector("form[data-decisions]");
  if (!form) return;
  const decisions = JSON.parse(document.getElementById("decisions").textContent);
  const chosen = (name) => form.querySelector(`input[name=${name}]:checked`)?.value ?? "no";

  // The primary address as the form has it: is there an active one, and is it marked?
  function primary() {
    if (!form.hasAttribute("data-contact")) return { mark: form.dataset.mark, there: form.dataset.hasAddress };
    const radio = form.querySelector("input[name=primary]:checked");
    const row = radio?.closest("[data-address], [data-new]");
    if (!row) return { mark: "no", there: "no" };
    const ticked = (start) => row.querySelector(`input[name^=${start}]`)?.checked;
    const there = row.querySelector("input[name^=address_]").value.trim() !== "" && !ticked("remove_") && ticked("active_") !== false;
    const mark = row.querySelector("[data-mark-value]");
    const marked = mark ? mark.value === "yes" : ticked("do_not_solicit_");
    return { mark: there && marked ? "yes" : "no", there: there ? "yes" : "no" };
  }

  function decide() {
    const { mark, there } = primary();
    const found = decisions[[chosen("allow_solicitation"), chosen("allow_email"), mark, there].join(" ")];
    form.querySelector("[data-decides-yes]").hidden = !found.mailed;
    form.querySelector("[data-decides-no]").hidden = found.mailed;
    form.querySelector("[data-decides-sentence]").textContent = found.sentence;
  }

  // No solicitation means no e-mail (S4): for someone new there is no stored flag to keep, so both go together.
  function bothTogether(event) {
    if (!form.hasAttribute("data-new-constituent") || event.target.name !== "allow_solicitation") return;
    if (event.target.value === "no") form.querySelector("input[name=allow_email][value=no]").checked = true;
  }

  form.addEventListener("change", (event) => {
    if (event.target !== form) bothTogether(event);
    decide();
  });
  form.addEventListener("input", decide);
  window.addEventListener("pageshow", decide);
})();
