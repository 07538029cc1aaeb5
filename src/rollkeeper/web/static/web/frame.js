// What the frame does: the menu on narrow windows, the search key, rows that open, questions before an action.
(() => {
  "use strict";

  const inField = (element) => element.closest("input, textarea, select, [contenteditable]") !== null;
  const rowLinkOf = (row) => row.querySelector("a.row-link");

  // Narrow windows: the button opens and closes the menu.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-menu-button]");
    if (!button) return;
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(open));
    document.getElementById(button.getAttribute("aria-controls")).classList.toggle("is-open", open);
  });

  // A click anywhere in a row (not on something in it, not at the end of a text selection) opens the row.
  document.addEventListener("click", (event) => {
    if (event.target.closest("a, button, input, select, label, summary")) return;
    const row = event.target.closest("tr");
    const link = row && rowLinkOf(row);
    if (!link || String(window.getSelection()) !== "") return;
    if (row.closest("[data-double-click]")) link.focus();
    else link.click();
  });

  // Where a list says data-double-click, a click chooses the row (Enter then opens it) and a double-click opens it.
  document.addEventListener("dblclick", (event) => {
    if (event.target.closest("a, button, input, select, label, summary")) return;
    const row = event.target.closest("[data-double-click] tr");
    const link = row && rowLinkOf(row);
    if (!link) return;
    window.getSelection().removeAllRanges();
    link.click();
  });

  // Menus made of <details> close when the reader goes elsewhere.
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  function focusSearch(event) {
    const search = document.querySelector("[data-search]");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  }

  function closeMenus() {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  }

  function moveRow(event, step) {
    const links = [...document.querySelectorAll("a.row-link")];
    const here = links.indexOf(document.activeElement);
    if (links.length === 0 || (here < 0 && document.activeElement !== document.body)) return;
    event.preventDefault();
    const next = here < 0 ? 0 : Math.min(Math.max(here + step, 0), links.length - 1);
    links[next].focus();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") closeMenus();
    if (inField(event.target)) return;
    if (event.key === "/") focusSearch(event);
    if (event.key === "ArrowDown" || event.key === "j") moveRow(event, 1);
    if (event.key === "ArrowUp" || event.key === "k") moveRow(event, -1);
  });

  // A form that asks before it acts, and is sent once however often its button is pressed.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.confirm && !window.confirm(form.dataset.confirm)) {
      event.preventDefault();
      return;
    }
    if (form.method !== "post") return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
})();
