// The list component. One container [data-list] per list, with
//   rows     <tr data-row data-id data-href>: a click opens, Ctrl-click in a new tab
//   ticks    input[name=ids] in each row, input[data-tick-all] in the head; shift-click ticks a range. The bar [data-action-bar] shows
//            while rows are ticked; [data-count] in it is the number. A button [data-select-everything] shows when the whole page is ticked and
//            more match (data-total on the bar): it sets the hidden field [data-everything] to 1. [data-clear-ticks] ends it
//   columns  th[data-column]: button.resize drags its edge (or ← →, with Shift in small steps; double click lets it fit), data-width is the stored
//            width; with data-settings-url on the container, heads can be dragged to another place. Both are kept by POST to that address:
//            widths={"column": pixels} or columns=name,company,…
// Ticks and widths outlive a refresh of the container by htmx.
const listOf = (element) => element.closest("[data-list]");
const ticksOf = (list) => [...list.querySelectorAll("input[name=ids]")];
const kept = new Map(); // the ticked ids of each list, over a refresh
let last = null;

// --- Ticks -------------------------------------------------------------------------------------------------------------------------
function show(list) {
  const all = ticksOf(list), ticked = all.filter((tick) => tick.checked);
  const head = list.querySelector("[data-tick-all]"), bar = list.querySelector("[data-action-bar]"), everything = list.querySelector("[data-everything]");
  all.forEach((tick) => tick.closest("tr").classList.toggle("ticked", tick.checked));
  if (head) {
    head.checked = all.length > 0 && ticked.length === all.length;
    head.indeterminate = ticked.length > 0 && !head.checked;
  }
  if (list.id) kept.set(list.id, new Set(ticked.map((tick) => tick.value)));
  if (everything && ticked.length < all.length) everything.value = "";
  if (!bar) return;
  const total = Number(bar.dataset.total || 0), whole = Boolean(everything?.value);
  bar.hidden = ticked.length === 0;
  bar.querySelectorAll("[data-count]").forEach((place) => { place.textContent = (whole ? total : ticked.length).toLocaleString(document.documentElement.lang); });
  bar.querySelectorAll("[data-select-everything]").forEach((button) => { button.hidden = whole || !head?.checked || total <= ticked.length; });
}

function tickRange(to) {
  const all = ticksOf(listOf(to));
  if (!last || !all.includes(last)) return;
  const [from, until] = [all.indexOf(last), all.indexOf(to)].sort((a, b) => a - b);
  all.slice(from, until + 1).forEach((tick) => { tick.checked = to.checked; });
}

document.addEventListener("change", (event) => {
  const list = listOf(event.target);
  if (!list || !event.target.matches("[data-tick-all], input[name=ids]")) return;
  if (event.target.matches("[data-tick-all]")) ticksOf(list).forEach((tick) => { tick.checked = event.target.checked; });
  show(list);
});

document.addEventListener("click", (event) => {
  const target = event.target;
  if (!target.closest) return;
  const tick = target.closest("input[name=ids]");
  if (tick && listOf(tick)) {
    if (event.shiftKey) tickRange(tick);
    last = tick;
    show(listOf(tick));
    return;
  }
  const everything = target.closest("[data-select-everything]"), clear = target.closest("[data-clear-ticks]");
  if (everything) listOf(everything).querySelector("[data-everything]").value = "1";
  if (clear) ticksOf(listOf(clear)).forEach((other) => { other.checked = false; });
  if (everything || clear) return show(listOf(everything ?? clear));

  const row = target.closest("[data-row][data-href]");
  // Marking text, or hitting beside a small tick box, opens nothing.
  if (!row || event.defaultPrevented || target.closest("a, button, input, select, textarea, label, details, td.tick") || String(getSelection())) return;
  if (event.ctrlKey || event.metaKey) window.open(row.dataset.href); else location.href = row.dataset.href;
});
// Shift-click marks text unless told not to.
document.addEventListener("mousedown", (event) => { if (event.shiftKey && event.target.closest?.("[data-list] tr[data-row]")) event.preventDefault(); });

// --- Kept for this user -----------------------------------------------------------------------------------------------------------------
function save(element, values) {
  const url = element.closest("[data-settings-url]")?.dataset.settingsUrl;
  const token = document.querySelector("meta[name=csrf-token]").content;
  if (url) fetch(url, { method: "POST", body: new URLSearchParams(values), headers: { "X-CSRFToken": token, "HX-Request": "true" } }).catch(() => {});
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
  save(head, { columns: headsOf(table).map((other) => other.dataset.column).filter(Boolean).join(",") });
}

// --- What is new on the page ----------------------------------------------------------------------------------------------------------------------
function prepare(root) {
  const lists = [...root.querySelectorAll("[data-list]"), ...(root.matches?.("[data-list]") ? [root] : [])];
  for (const list of lists) {
    const ticked = kept.get(list.id);
    if (ticked) ticksOf(list).forEach((tick) => { tick.checked ||= ticked.has(tick.value); });
    const table = list.querySelector("table.list");
    if (table?.tHead) {
      const heads = headsOf(table).filter((head) => head.dataset.column);
      const widths = Object.fromEntries(heads.filter((head) => head.dataset.width).map((head) => [head.dataset.column, Number(head.dataset.width)]));
      if (Object.keys(widths).length && !table.classList.contains("sized") && matchMedia("(min-width: 721px)").matches) size(table, widths);
      if (list.closest("[data-settings-url]")) heads.forEach((head) => { head.draggable = true; });
    }
    show(list);
  }
}
prepare(document);
document.addEventListener("htmx:load", (event) => prepare(event.detail.elt));
