// Dashboards. What the page says:
//   #dashboard [data-arrange-url]  its tiles can be dragged by their head, and moved by data-step="-1|1" in their menus: kept by POST order=3,1,2
//   .tile [data-size-url]          [data-grip] in its corner is dragged to size it; data-wider, data-taller in its menu do the same: POST width, height
//   [data-recount]                 counts all tiles anew, or the one of this number
//   [data-as-table]                shows the chart as a table, and back
//   [data-print]                   prints the page
//   form[data-bare-query]          leaves what is empty out of its address
//   .tile-editor                   the editor: what is typed shows in the preview; data-submit sends the form itself
const MOST_HIGH = 6;
const board = () => document.querySelector("[data-dashboard]");
const tilesOf = (grid) => [...grid.querySelectorAll(":scope > .tile")];
const title = (tile) => tile.querySelector("h2").textContent.trim();

function say(text, values) {
  const place = board()?.querySelector("[data-said]");
  if (place) place.textContent = text.replace(/\{(\w+)\}/g, (_all, name) => values[name]);
}
async function post(url, values) {
  const token = document.querySelector("meta[name=csrf-token]").content;
  const answer = await fetch(url, { method: "POST", body: new URLSearchParams(values), headers: { "X-CSRFToken": token, "HX-Request": "true" } }).catch(() => null);
  if (answer?.ok) return;
  document.body.dispatchEvent(new CustomEvent("toast", { detail: { text: document.getElementById("toasts").dataset.failed, level: "error" } }));
}

// --- Order ---------------------------------------------------------------------------------------------------------------------------------
function keepOrder(grid) {
  const order = tilesOf(grid).map((tile) => tile.dataset.tile).join(",");
  post(board().dataset.arrangeUrl, { order });
}
function moved(tile) {
  const all = tilesOf(tile.parentElement);
  say(board().dataset.moved, { name: title(tile), place: all.indexOf(tile) + 1, count: all.length });
}
function arrangeable() {
  const grid = board()?.querySelector(".tiles");
  if (!grid || !board().dataset.arrangeUrl || grid.dataset.draggable) return;
  grid.dataset.draggable = "";
  window.Sortable?.create(grid, { handle: ".handle", filter: ".menu, a, button", preventOnFilter: false, animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 140, draggable: ".tile", ghostClass: "ghost", delay: 120, delayOnTouchOnly: true,
    onUpdate: ({ item }) => { keepOrder(grid); moved(item); } });
}
let waiting;
function step(tile, by) {
  const grid = tile.parentElement, all = tilesOf(grid), to = all.indexOf(tile) + by, button = document.activeElement;
  if (to < 0 || to >= all.length) return;
  if (by < 0) all[to].before(tile); else all[to].after(tile);
  reopen(tile, button);
  moved(tile);
  clearTimeout(waiting);
  waiting = setTimeout(() => keepOrder(grid), 400); // several steps are one change
}
/** Moving a tile in the document closes its menu: open it again, at the same item. */
function reopen(tile, button) {
  const menu = tile.querySelector("details[data-menu]");
  if (menu.open && !menu.querySelector(".panel").matches(":popover-open")) {
    menu.open = false;
    menu.querySelector("summary").click();
  }
  button?.focus();
  tile.scrollIntoView({ block: "nearest" });
}

// --- Size ----------------------------------------------------------------------------------------------------------------------------------
function sizeTo(tile, wide, high, keep = true) {
  const most = Number(board().dataset.columns), w = Math.max(1, Math.min(most, wide)), h = Math.max(1, Math.min(MOST_HIGH, high));
  const { width, height } = tile.dataset;
  tile.classList.remove(`w-${width}`, `h-${height}`);
  tile.classList.add(`w-${w}`, `h-${h}`);
  Object.assign(tile.dataset, { width: w, height: h });
  if (keep) keepSize(tile);
}
const timers = new WeakMap();
function keepSize(tile) {
  const { width, height, sizeUrl } = tile.dataset;
  say(board().dataset.sized, { name: title(tile), width, height });
  clearTimeout(timers.get(tile));
  timers.set(tile, setTimeout(() => post(sizeUrl, { width, height }), 400));
}
document.addEventListener("pointerdown", (event) => {
  const grip = event.target.closest?.("[data-grip]");
  if (!grip || event.button) return;
  event.preventDefault();
  const tile = grip.closest(".tile"), grid = tile.parentElement, style = getComputedStyle(grid), gap = parseFloat(style.columnGap) || 0;
  const column = parseFloat(style.gridTemplateColumns) + gap, row = parseFloat(style.gridAutoRows) + (parseFloat(style.rowGap) || 0);
  const begins = { x: event.clientX, y: event.clientY, w: tile.offsetWidth, h: tile.offsetHeight }, before = `${tile.dataset.width} ${tile.dataset.height}`;
  grip.setPointerCapture(event.pointerId);
  tile.classList.add("sizing");
  const follow = (now) => sizeTo(tile, Math.round((begins.w + now.clientX - begins.x + gap) / column), Math.round((begins.h + now.clientY - begins.y + gap) / row), false);
  const end = () => {
    grip.removeEventListener("pointermove", follow);
    tile.classList.remove("sizing");
    if (`${tile.dataset.width} ${tile.dataset.height}` !== before) keepSize(tile);
  };
  grip.addEventListener("pointermove", follow);
  grip.addEventListener("lostpointercapture", end, { once: true });
});

// --- What the menus and the head do ----------------------------------------------------------------------------------------------------------
function recount(number) {
  const bodies = document.querySelectorAll(number ? `.tile[data-tile="${number}"] [data-tile-body]` : "[data-tile-body][hx-get]");
  bodies.forEach((body) => {
    const url = body.getAttribute("hx-get");
    window.htmx.ajax("GET", `${url}${url.includes("?") ? "&" : "?"}fresh=1`, { source: body, target: body, swap: "innerHTML" });
  });
}
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-recount], [data-as-table], [data-print], [data-step], [data-wider], [data-submit]");
  if (!button) return;
  const tile = button.closest(".tile"), data = button.dataset;
  if ("recount" in data) recount(data.recount);
  else if ("asTable" in data) button.setAttribute("aria-pressed", String(tile.classList.toggle("as-table")));
  else if ("print" in data) setTimeout(() => print());
  else if ("step" in data) step(tile, Number(data.step));
  else if ("wider" in data) sizeTo(tile, Number(tile.dataset.width) + Number(data.wider), Number(tile.dataset.height) + Number(data.taller));
  else if ("submit" in data) {
    event.preventDefault();
    send(button.form, button.formAction);
  }
});

// --- The editor ------------------------------------------------------------------------------------------------------------------------------
// Its form asks the preview by htmx; saving goes to the form's own address, as a plain form does.
function send(form, action) {
  form.removeAttribute("hx-post");
  Object.assign(form, { action, method: "post" });
  form.submit();
}
document.addEventListener("submit", (event) => {
  if (!event.target.matches(".tile-editor")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  send(event.target, event.target.getAttribute("action"));
}, true);
// What is chosen decides what else is asked; what is typed, and the criteria, show in the preview alone and leave the fields under the hand.
let typing;
const again = (element) => { if (element) window.htmx.trigger(element, "again"); };
document.addEventListener("change", ({ target }) => {
  if (!target.closest?.(".tile-editor") || target.closest("[data-criteria]")) return;
  clearTimeout(typing);
  again(target.matches("input[type=text], textarea") ? document.querySelector("[data-preview]") : target.form);
});
document.addEventListener("input", ({ target }) => {
  if (!target.matches?.(".tile-editor :is(input[type=text], textarea)") || target.closest("[data-criteria]")) return;
  clearTimeout(typing);
  typing = setTimeout(() => again(document.querySelector("[data-preview]")), 500);
});
document.addEventListener("criteria", ({ target }) => { if (target.closest?.(".tile-editor")) again(document.querySelector("[data-preview]")); });
// What comes anew must not take the field from under the hand.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.target?.id !== "tile-editor") return;
  const held = document.activeElement, id = held?.closest?.("#tile-editor") ? held.id || `${held.name}=${held.value}` : "";
  const scroll = detail.target.querySelector(".choices")?.scrollTop ?? 0;
  const at = held?.selectionStart ?? null;
  document.addEventListener("htmx:afterSettle", () => {
    const again = document.getElementById(id) ?? [...detail.target.querySelectorAll("input")].find((input) => `${input.name}=${input.value}` === id);
    again?.focus({ preventScroll: true });
    if (at !== null && again?.setSelectionRange && again.type === "text") again.setSelectionRange(at, at);
    const choices = detail.target.querySelector(".choices");
    if (choices) choices.scrollTop = scroll;
  }, { once: true });
});

document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (!detail.elt.matches?.("form[data-bare-query]")) return;
  for (const name of Object.keys(detail.parameters)) if (detail.parameters[name] === "") delete detail.parameters[name];
});
const begin = () => {
  arrangeable();
  // A new, empty dashboard asks at once what is to be on it.
  if (new URLSearchParams(location.search).has("add")) {
    history.replaceState(history.state, "", location.pathname);
    document.querySelector("[data-dialog][href*='/library/']")?.click();
  }
};
if (document.readyState === "complete") begin(); else addEventListener("load", begin);
document.addEventListener("htmx:load", arrangeable);
