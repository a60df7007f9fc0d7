// The list component. Markup: a container [data-list] holding table.list with <tr data-row data-id data-href>, tick boxes
// input[name=ids], one input[data-tick-all], the bar [data-action-bar] with [data-count]. Shift-click ticks a range. "Select all N that
// match" sets the hidden field [data-everything] to 1. Columns: th[data-column] with button.resize; [data-settings-url] takes POSTs of
// {widths} and {columns}.
let last = null;

const list = (element) => element.closest("[data-list]");
const boxes = (box) => [...box.querySelectorAll("input[name=ids]")];

function show(box) {
  const all = boxes(box), ticked = all.filter((tick) => tick.checked), bar = box.querySelector("[data-action-bar]"), head = box.querySelector("[data-tick-all]");
  all.forEach((tick) => tick.closest("tr").classList.toggle("ticked", tick.checked));
  if (head) { head.checked = all.length > 0 && ticked.length === all.length; head.indeterminate = ticked.length > 0 && !head.checked; }
  if (!bar) return;
  const everything = box.querySelector("[data-everything]");
  if (everything && ticked.length < all.length) everything.value = "";
  bar.hidden = ticked.length === 0;
  const number = everything?.value ? bar.dataset.total : String(ticked.length);
  bar.querySelectorAll("[data-count]").forEach((element) => { element.textContent = number; });
  bar.querySelectorAll("[data-select-everything]").forEach((element) => { element.hidden = !head?.checked || Boolean(everything?.value); });
}

document.addEventListener("change", (event) => {
  const box = list(event.target);
  if (!box) return;
  if (event.target.matches("[data-tick-all]")) boxes(box).forEach((tick) => { tick.checked = event.target.checked; });
  if (event.target.matches("[data-tick-all], input[name=ids]")) show(box);
});
document.addEventListener("click", (event) => {
  const tick = event.target.closest?.("input[name=ids]");
  if (tick) {
    const all = boxes(list(tick));
    if (event.shiftKey && last && all.includes(last)) {
      const [from, to] = [all.indexOf(last), all.indexOf(tick)].sort((a, b) => a - b);
      all.slice(from, to + 1).forEach((other) => { other.checked = tick.checked; });
      show(list(tick));
    }
    last = tick;
    return;
  }
  const everything = event.target.closest?.("[data-select-everything]");
  if (everything) { list(everything).querySelector("[data-everything]").value = "1"; show(list(everything)); return; }
  const clear = event.target.closest?.("[data-clear-ticks]");
  if (clear) { boxes(list(clear)).forEach((other) => { other.checked = false; }); show(list(clear)); return; }
  const row = event.target.closest?.("tr[data-row][data-href]");
  if (!row || event.target.closest("a, button, input, select, label, details") || String(getSelection())) return;
  if (event.ctrlKey || event.metaKey) window.open(row.dataset.href); else location.href = row.dataset.href;
});

// --- Widths by pointer and by arrow keys; kept for this user --------------------------------------------------------------------
const save = (element, values) => {
  const target = element.closest("[data-settings-url]");
  if (target) fetch(target.dataset.settingsUrl, { method: "POST", body: new URLSearchParams(values), headers: { "X-CSRFToken": document.querySelector("meta[name=csrf-token]").content } });
};
function widen(header, width) { header.style.width = `${Math.max(60, Math.round(width))}px`; header.style.minWidth = header.style.width; }
const keep = (header) => save(header, { widths: JSON.stringify({ [header.dataset.column]: Math.round(header.offsetWidth) }) });
document.addEventListener("pointerdown", (event) => {
  const grip = event.target.closest?.(".resize");
  if (!grip) return;
  event.preventDefault();
  const header = grip.closest("th"), start = event.clientX, width = header.offsetWidth;
  const follow = (moved) => widen(header, width + moved.clientX - start);
  document.addEventListener("pointermove", follow);
  document.addEventListener("pointerup", () => { document.removeEventListener("pointermove", follow); keep(header); }, { once: true });
});
document.addEventListener("keydown", (event) => {
  const grip = event.target.closest?.(".resize");
  if (!grip || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
  event.preventDefault();
  const header = grip.closest("th");
  widen(header, header.offsetWidth + (event.key === "ArrowRight" ? 16 : -16));
  keep(header);
});
function prepare(root) {
  root.querySelectorAll("th[data-width]").forEach((header) => widen(header, Number(header.dataset.width)));
  root.querySelectorAll("[data-list]").forEach(show);
}
prepare(document);
document.addEventListener("htmx:load", (event) => prepare(event.detail.elt.parentElement ?? document));
