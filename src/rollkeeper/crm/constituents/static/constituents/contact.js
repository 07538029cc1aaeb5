// Edit contact information: the wrench marks a change, shows it, and leaves it to Save (S8).
(() => {
  "use strict";

  const WORDS = { yes: "Do Not Solicit by Email", no: "Allow Solicitation by Email" };
  const form = document.querySelector("form[data-contact]");
  if (!form) return;
  const addresses = [...form.querySelectorAll("[data-address]")];
  const valueOf = (address) => address.querySelector("[data-mark-value]");
  const radioOf = (address) => address.querySelector("input[name=primary]");
  const isMarked = (address) => valueOf(address).value !== address.dataset.stored;

  function show() {
    for (const address of addresses) {
      const words = address.querySelector("[data-mark-words]");
      words.textContent = `Marked: ${WORDS[valueOf(address).value]}. Not saved yet.`;
      words.hidden = !isMarked(address);
      address.querySelector("[data-primary-words]").hidden =
        !radioOf(address).checked || address.dataset.storedPrimary === "yes";
    }
    const marked = addresses.filter(isMarked).length;
    const words = marked === 1 ? "1 address is marked" : `${marked} addresses are marked`;
    form.querySelector("[data-pending-count]").textContent = marked ? `${words}. Nothing is changed before Save.` : "";
  }

  form.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-mark], button[data-make-primary]");
    if (!button) return;
    const address = button.closest("[data-address]");
    if (button.dataset.mark) valueOf(address).value = button.dataset.mark;
    else radioOf(address).checked = true;
    const menu = button.closest("details");
    menu.open = false;
    menu.querySelector("summary").focus();
    show();
    form.dispatchEvent(new Event("change"));
  });
  form.addEventListener("change", show);

  // One row to add an address; more of them as they are asked for.
  const rows = [...form.querySelectorAll("[data-new]")];
  const more = form.querySelector("[data-add-more]");
  const isFilled = (row) => row.querySelector("input[type=text]").value !== "";
  rows.forEach((row, place) => {
    row.hidden = place > 0 && !isFilled(row);
  });
  const offerMore = () => {
    more.parentElement.hidden = !rows.some((row) => row.hidden);
  };
  more.addEventListener("click", () => {
    const next = rows.find((row) => row.hidden);
    next.hidden = false;
    next.querySelector("input").focus();
    offerMore();
  });
  offerMore();

  // Coming back to the page, a browser may have kept the marks: they are shown, or they would be saved unseen.
  window.addEventListener("pageshow", show);
})();
