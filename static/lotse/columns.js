// The columns of a list. In a table.list inside a [data-list]:
//   th[data-column] with button.resize: its edge drags (or ← →, with Shift in small steps; a double click lets the column fit), data-width is
//   the stored width. With data-settings-url around it, heads can be dragged to another place. Both are kept by POST to that address:
//   widths={"name": 220} or columns=["name", "company", …], as JSON.
// The dialog that chooses columns: <ul data-sortable> whose <li> can be dragged (data-by-grip: only by their .grip, since they hold fields to type
// in; by SortableJS, so also by touch), or moved by buttons data-move="-1" and data-move="1".
// --- Kept for this user -----------------------------------------------------------------------------------------------------------------
function save(element, values) {
  const url = element.closest("[data-settings-url]")?.dataset.settingsUrl;
  const token = document.querySelector("meta[name=csrf-token]").content;
  return url && fetch(url, { method: "POST", body: new URLSearchParams(values), headers: { "X-CSRFToken": token, "HX-Request": "true" } }).catch(() => {});
}

// --- Widths --------------------------------------------------------------------------------------------------------------------------------
const LEAST = 56;
const headsOf = (table) => [...table.tHead.rows[0].cells];

/** Give every column the width it has now, so that one can change alone. */
function size(table, widths = {}) {
  const heads = headsOf(table), now = heads.map((head) => head.offsetWidth);
  heads.forEach((head, place) => head.style.setProperty("--w", `${widths[head.dataset.column] ?? now[place]}px`));
  table.classList.add("sized");
  sum(table);
}
const widthOf = (head) => parseFloat(head.style.getPropertyValue("--w")) || head.offsetWidth;
const sum = (table) => table.style.setProperty("--w", `${headsOf(table).reduce((total, head) => total + widthOf(head), 0)}px`);

function widen(head, width) {
  const table = head.closest("table");
  if (!table.classList.contains("sized")) size(table);
  head.style.setProperty("--w", `${Math.max(LEAST, Math.round(width))}px`);
  sum(table);
}
const keepWidth = (head) => save(head, { widths: JSON.stringify({ [head.dataset.column]: Math.round(widthOf(head)) }) });

document.addEventListener("pointerdown", (event) => {
  const grip = event.target.closest?.(".resize");
  if (!grip || event.button) return;
  event.preventDefault();
  const head = grip.closest("th"), start = event.clientX, width = head.offsetWidth;
  const follow = (moved) => widen(head, width + moved.clientX - start);
  grip.setPointerCapture(event.pointerId);
  grip.classList.add("held");
  grip.addEventListener("pointermove", follow);
  grip.addEventListener("lostpointercapture", () => {
    grip.classList.remove("held");
    grip.removeEventListener("pointermove", follow);
    if (head.offsetWidth !== width) keepWidth(head);
  }, { once: true });
});
document.addEventListener("dblclick", (event) => {
  const grip = event.target.closest?.(".resize");
  if (!grip) return;
  const head = grip.closest("th"), table = head.closest("table"), place = head.cellIndex;
  const cells = [...table.tBodies].flatMap((body) => [...body.rows]).map((row) => row.cells[place]).filter((cell) => cell && cell.colSpan === 1);
  const texts = cells.flatMap((cell) => [cell, ...cell.children]).map((element) => element.scrollWidth);
  widen(head, Math.min(480, Math.max(...texts, head.firstElementChild?.offsetWidth ?? 0) + 26));
  keepWidth(head);
});
document.addEventListener("keydown", (event) => {
  const grip = event.target.closest?.(".resize");
  if (!grip || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
  event.preventDefault();
  const head = grip.closest("th"), step = event.shiftKey ? 4 : 16;
  widen(head, widthOf(head) + (event.key === "ArrowRight" ? step : -step));
  keepWidth(head);
});

// --- The order of columns: drag a head (the menu "Columns" does the same by keyboard) -----------------------------------------------------------
let dragged = null;
const side = (event, head) => (event.clientX < head.getBoundingClientRect().left + head.offsetWidth / 2 ? "drop-before" : "drop-after");
const unmark = () => document.querySelectorAll(".drop-before, .drop-after").forEach((head) => head.classList.remove("drop-before", "drop-after"));

document.addEventListener("dragstart", (event) => {
  const head = event.target.closest?.("[data-settings-url] th[data-column][draggable=true]");
  if (!head) return;
  if (document.querySelector(".resize.held")) return event.preventDefault();
  dragged = head;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", head.textContent.trim());
  head.classList.add("dragged");
});
document.addEventListener("dragover", (event) => {
  const head = event.target.closest?.("th[data-column]");
  if (!dragged || !head || head.closest("table") !== dragged.closest("table")) return;
  event.preventDefault();
  unmark();
  if (head !== dragged) head.classList.add(side(event, head));
});
document.addEventListener("drop", (event) => {
  const head = event.target.closest?.("th[data-column]");
  if (!dragged || !head || head === dragged || head.closest("table") !== dragged.closest("table")) return;
  event.preventDefault();
  moveColumn(dragged, head.cellIndex + (side(event, head) === "drop-after" ? 1 : 0));
});
document.addEventListener("dragend", () => {
  dragged?.classList.remove("dragged");
  dragged = null;
  unmark();
});

function moveColumn(head, to) {
  const table = head.closest("table"), from = head.cellIndex, count = head.parentElement.cells.length;
  // Rows that span, such as a group's heading, stay as they are.
  [...table.rows].filter((row) => row.cells.length === count).forEach((row) => row.insertBefore(row.cells[from], row.cells[to] ?? null));
  const names = headsOf(table).map((other) => other.dataset.column).filter(Boolean), saved = save(head, { columns: JSON.stringify(names) });
  const list = table.closest("[data-list]"), url = new URL(list?.getAttribute("hx-get") ?? "", location.href);
  if (url.searchParams.has("cols")) {
    url.searchParams.set("cols", names); // else the address would put them back
    window.htmx.ajax("GET", url.pathname + url.search, { source: list, target: list, swap: "outerHTML", push: "true" });
  } else if (table.querySelector("tr.group td")) saved?.then(() => window.htmx.trigger(list, "refresh")); // sums stand under their columns
}

/** An order that was changed is something unsaved. */
const tell = (item) => item.dispatchEvent(new Event("input", { bubbles: true }));

// --- The order of a list of choices ----------------------------------------------------------------------------------------------------------------
let lifted = null;
document.addEventListener("dragstart", (event) => {
  lifted = event.target.closest?.("[data-sortable]:not([data-by-grip]) > li") ?? null;
  lifted?.classList.add("dragged");
});
document.addEventListener("dragover", (event) => {
  const item = event.target.closest?.("[data-sortable] > li");
  if (!lifted || !item || item.parentElement !== lifted.parentElement) return;
  event.preventDefault();
  const box = item.getBoundingClientRect();
  if (item !== lifted) item.parentElement.insertBefore(lifted, event.clientY < box.top + box.height / 2 ? item : item.nextSibling);
});
document.addEventListener("dragend", () => {
  lifted?.classList.remove("dragged");
  if (lifted) tell(lifted);
  lifted = null;
});
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-sortable] [data-move]");
  if (!button) return;
  const item = button.closest("li"), other = button.dataset.move < 0 ? item.previousElementSibling : item.nextElementSibling;
  if (!other) return;
  if (button.dataset.move < 0) other.before(item); else other.after(item);
  tell(item);
  button.focus();
});

function dragByGrip(list) {
  const animation = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 120;
  window.Sortable?.create(list, { handle: ".grip", ghostClass: "dragged", animation, onEnd: ({ item, oldIndex, newIndex }) => { if (oldIndex !== newIndex) tell(item); } });
}

function prepare(root) {
  root.querySelectorAll("[data-sortable]:not([data-by-grip]) > li").forEach((item) => { item.draggable = true; });
  root.querySelectorAll("[data-by-grip]").forEach(dragByGrip);
  const tables = [...root.querySelectorAll("[data-list] table.list"), ...(root.matches?.("[data-list] table.list") ? [root] : [])];
  for (const table of tables.filter((one) => one.tHead)) {
    const heads = headsOf(table).filter((head) => head.dataset.column);
    const widths = Object.fromEntries(heads.filter((head) => Number(head.dataset.width)).map((head) => [head.dataset.column, Number(head.dataset.width)]));
    if (Object.keys(widths).length && !table.classList.contains("sized") && matchMedia("(min-width: 721px)").matches) size(table, widths);
    if (table.closest("[data-settings-url]")) heads.forEach((head) => { head.draggable = true; });
  }
}
prepare(document);
document.addEventListener("htmx:load", (event) => prepare(event.detail.elt));
