// Lists that are put in order: <tbody data-reorder="address"> sends the ids of its rows after each move, by dragging the grip or by the
// buttons up and down, which keep the focus. Without this script the buttons are plain forms.
const order = (body) => [...body.querySelectorAll("tr[data-id]")];

function save(body) {
  const values = { ids: order(body).map((row) => row.dataset.id) };
  ends(body);
  return window.htmx.ajax("POST", body.dataset.reorder, { swap: "none", values });
}

function ends(body) {
  order(body).forEach((row, place, rows) => {
    row.querySelector("[name=up]").disabled = place === 0;
    row.querySelector("[name=down]").disabled = place === rows.length - 1;
  });
}

function start(root) {
  root.querySelectorAll("[data-reorder]").forEach((body) => {
    if (body.dataset.ready) return;
    body.dataset.ready = "1";
    window.Sortable?.create(body, { handle: ".grip", animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 120, onEnd: (event) => { if (event.oldIndex !== event.newIndex) save(body); } });
  });
}

document.addEventListener("submit", (event) => {
  const body = event.target.closest("[data-reorder]"), button = event.submitter;
  if (!body || !button || !["up", "down"].includes(button.name)) return;
  event.preventDefault();
  event.stopPropagation();
  const row = button.closest("tr"), other = button.name === "up" ? row.previousElementSibling : row.nextElementSibling;
  if (!other) return;
  if (button.name === "up") other.before(row); else other.after(row);
  save(body);
  if (button.disabled) row.querySelector("[name=up]:not(:disabled), [name=down]:not(:disabled)")?.focus(); else button.focus();
}, true);

document.addEventListener("htmx:load", (event) => start(event.detail.elt));
start(document);
// On a phone the menu is one line that scrolls: the page one is on is in view.
document.querySelector(".admin-menu [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
