// Edit contact information: the wrench marks a change, shows it, and leaves it to Save (S8).
(() => {
  "use strict";

  const WORDS = { yes: "Do Not Solicit by Email", no: "Allow Solicitation by Email" };
  const form = document.querySelector("form[data-contact]");
  if (!form) return;
  const addresses = [...form.querySelectorAll("[data-address]")];
  const valueOf = (address) => address.querySelector("[data-mark-value]");
  const isMarked = (address) => valueOf(address).value !== address.dataset.stored;

  function count() {
    const marked = addresses.filter(isMarked).length;
    const words = marked === 1 ? "1 address is marked" : `${marked} addresses are marked`;
    form.querySelector("[data-pending-count]").textContent = marked ? `${words}. Nothing is changed before Save.` : "";
  }

  form.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-mark]");
    if (!button) return;
    const address = button.closest("[data-address]");
    const words = address.querySelector("[data-mark-words]");
    valueOf(address).value = button.dataset.mark;
    words.textContent = `Marked: ${WORDS[button.dataset.mark]}. Not saved yet.`;
    words.hidden = !isMarked(address);
    const menu = button.closest("details");
    menu.open = false;
    menu.querySelector("summary").focus();
    count();
  });

  // Coming back to the page, a browser may have kept the marks: they are shown, or they would be saved unseen.
  window.addEventListener("pageshow", () => {
    for (const address of addresses) {
      const words = address.querySelector("[data-mark-words]");
      words.textContent = `Marked: ${WORDS[valueOf(address).value]}. Not saved yet.`;
      words.hidden = !isMarked(address);
    }
    count();
  });
})();
