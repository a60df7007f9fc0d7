// The list component. One container [data-list] per list, with
//   rows     <tr data-row data-id>: a click opens its data-href or its a.name, Ctrl-click in a new tab. Cells get their data-label from the head, pills their
//            tooltip from data-tips={"Open": "…"} on the container
//   ticks    input[name=ids] in each row, input[data-tick-all] in the head; shift-click ticks a range. The bar [data-action-bar] shows
//            while rows are ticked; [data-count] in it is the number. A button [data-select-everything] shows when the whole page is ticked and
//            more match (its data-total; data-total-text says it in words): it sets the hidden field [data-everything] to 1.
//            [data-clear-ticks] ends it.
//            A hidden field [data-ticked] holds the ids, as in 3,7,12. Those on other pages of the same question stay ticked: [data-elsewhere] says so
//   groups   <tr class="group"><th colspan><button class="link" data-fold-group aria-expanded="true|false">: folds the rows up to the next heading;
//            rows not loaded yet come by its own hx-get (hx-trigger="click once" hx-target="closest tr" hx-swap="afterend"); data-level on the
//            heading's tr says how deep it is. Those that are open are so again after a refresh
//   going    <a data-go href>: loads the list anew in its place; data-keep="sort=-name" is kept for this user by POST to data-settings-url; with Shift
//            held the list is sorted by data-add="company,-name" instead
//   narrow   <input data-narrow="selector">: what is typed hides the places in its form, dialog or menu that do not contain it; arrow keys go to
//            those that are left, Enter chooses the only one
//   filter   <form data-bare="empty not_empty …"> with a select "operator": the values rest while one of these needs none; [data-value] hides then,
//            [data-for-operator="between"] shows for these operators only
//   card     a list in [data-embedded="its address"] is part of another page: that page's own address keeps the list's state, as view=…
// Widths and the order of columns: columns.js. Ticks, scrolling and the current row outlive a refresh of the container by htmx.
const listOf = (element) => element.closest("[data-list]");
const addressOf = (list) => list.getAttribute("hx-get");
const ticksOf = (list) => [...list.querySelectorAll("input[type=checkbox][name=ids]")];
const kept = new Map(); // each list's ticked ids, over a refresh and from page to page, with what was asked and seen when they were ticked
const whole = new Map(); // the question of each list of which all that match are chosen
let last = null;
// What a list is asked for, however it is sorted and shown.
function questionOf(list) {
  const url = new URL(addressOf(list) ?? "", location.href);
  ["after", "before", "sort", "per", "cols"].forEach((name) => url.searchParams.delete(name));
  return url.pathname + url.search;
}

// --- Ticks -------------------------------------------------------------------------------------------------------------------------
function show(list) {
  const all = ticksOf(list), ticked = all.filter((tick) => tick.checked), ids = new Set(kept.get(list.id)?.ids);
  const head = list.querySelector("[data-tick-all]"), bar = list.querySelector("[data-action-bar]"), everything = list.querySelector("[data-everything]");
  if (everything && ticked.length < all.length) {
    if (everything.value) ids.clear(); // not all any more: those in sight
    everything.value = "";
  }
  all.forEach((tick) => {
    ids[tick.checked ? "add" : "delete"](tick.value);
    tick.closest("tr").classList.toggle("ticked", tick.checked);
  });
  if (head) {
    head.checked = all.length > 0 && ticked.length === all.length;
    head.indeterminate = ticked.length > 0 && !head.checked;
  }
  list.querySelectorAll("[data-ticked]").forEach((field) => { field.value = [...ids].join(","); });
  if (list.id) kept.set(list.id, { ids, sight: all.map((tick) => tick.value), address: addressOf(list), question: questionOf(list) });
  const chosen = Boolean(everything?.value);
  if (list.id) whole.set(list.id, chosen && questionOf(list));
  if (!bar) return;
  const choose = bar.querySelector("[data-select-everything]");
  const elsewhere = bar.querySelector("[data-elsewhere]");
  bar.hidden = ids.size === 0;
  bar.querySelector("[data-count]").textContent = chosen ? choose.dataset.totalText : ids.size.toLocaleString(document.documentElement.lang);
  if (elsewhere) elsewhere.hidden = chosen || ids.size === ticked.length;
  if (choose) choose.hidden = chosen || !head?.checked || Number(choose.dataset.total) <= ids.size;
  if (!bar.hidden) document.documentElement.style.setProperty("--bar", `${bar.offsetHeight}px`); // it may need two lines
}

// An action was sent for what is ticked: it may have taken records away that are on other pages.
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!detail.requestConfig?.parameters?.ids || !/changed|closeDialog/.test(detail.xhr.getResponseHeader("HX-Trigger") ?? "")) return;
  kept.forEach((ticks) => { ticks.acted = true; });
});

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
  if (clear) {
    kept.delete(listOf(clear).id);
    ticksOf(listOf(clear)).forEach((other) => { other.checked = false; });
  }
  if (everything || clear) return show(listOf(everything ?? clear));

  const row = target.closest("[data-row]"), href = row?.dataset.href ?? row?.querySelector("a.name")?.href;
  // Marking text, or hitting beside a small tick box, opens nothing.
  if (!href || event.defaultPrevented || target.closest("a, button, input, select, textarea, label, details, td.tick") || String(getSelection())) return;
  if (event.ctrlKey || event.metaKey) window.open(href); else location.href = href;
});
// What is cut off is read in full by hovering over it.
document.addEventListener("pointerover", (event) => {
  const cell = event.target.closest?.("table.list td");
  const cut = cell && [cell, ...cell.querySelectorAll(".line, .sub, .two, .pill")].find((part) => part.scrollWidth > part.clientWidth + 1 || part.scrollHeight > part.clientHeight + 2);
  if (cut && !cut.title) cut.title = cut.textContent.trim();
});
// Shift-click marks text unless told not to.
document.addEventListener("mousedown", (event) => { if (event.shiftKey && event.target.closest?.("[data-list] tr[data-row]")) event.preventDefault(); });

// --- Groups --------------------------------------------------------------------------------------------------------------------------------
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-fold-group]");
  if (!button) return;
  fold(button, button.getAttribute("aria-expanded") !== "true");
});
const levelOf = (row) => (row.querySelector("[data-fold-group]") ? Number(row.dataset.level ?? 0) : Infinity);

function fold(button, open) {
  button.setAttribute("aria-expanded", String(open));
  const heading = button.closest("tr"), level = levelOf(heading);
  let closed = Infinity; // the level of a heading within that is closed itself: what is under it stays hidden
  for (let row = heading.nextElementSibling; row && levelOf(row) > level; row = row.nextElementSibling) {
    if (levelOf(row) <= closed) closed = Infinity;
    row.hidden = !open || levelOf(row) > closed;
    if (row.querySelector("[data-fold-group][aria-expanded=false]")) closed = Math.min(closed, levelOf(row));
  }
}
// The first group opens by itself; so do those that were open before a refresh.
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  const button = detail.elt, list = button.matches?.("[data-fold-group]") && listOf(button);
  if (!list) return;
  const again = seen?.waiting?.delete(button);
  if (detail.successful) fold(button, !again || seen.open.includes(placeOf(button)));
  if (!again) return;
  ticksOf(list).forEach((tick) => { tick.checked ||= Boolean(seen.ticked?.has(tick.value)); });
  show(list);
  asBefore(list);
});
const placeOf = (button) => new URL(button.getAttribute("hx-get"), location.href).searchParams.get("in");

// --- Going on: pages, sorting, filters, groups ------------------------------------------------------------------------------------------------
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-list] a[data-go]");
  if (!link || event.ctrlKey || event.metaKey || event.button) return;
  event.preventDefault();
  const list = listOf(link), url = new URL(link.href), add = event.shiftKey && link.dataset.add;
  if (add) url.searchParams.set("sort", add);
  const keep = add ? `sort=${add}` : link.dataset.keep;
  if (keep) keepChoice(list, keep);
  window.htmx.ajax("GET", url.pathname + url.search, { source: link, target: list, swap: "outerHTML", push: "true" });
});

// The list within a card: Back and a bookmark lead to the card, with the list as it was.
document.addEventListener("htmx:beforeHistoryUpdate", ({ detail }) => {
  const own = document.querySelector("[data-embedded]")?.dataset.embedded, asked = new URL(detail.history.path || "", location.href);
  if (!own || asked.pathname !== own) return;
  const card = new URL(location.href);
  if (asked.search) card.searchParams.set("view", asked.search.slice(1)); else card.searchParams.delete("view");
  detail.history.path = card.pathname + card.search;
});

function keepChoice(list, text) {
  const token = document.querySelector("meta[name=csrf-token]").content;
  fetch(list.dataset.settingsUrl, { method: "POST", body: new URLSearchParams(text), headers: { "X-CSRFToken": token, "HX-Request": "true" }, keepalive: true }).catch(() => {});
}

// --- Long lists to choose from ----------------------------------------------------------------------------------------------------------------
document.addEventListener("input", (event) => {
  const places = event.target.dataset?.narrow;
  if (!places) return;
  const typed = event.target.value.trim().toLowerCase(), root = event.target.closest("form, dialog, .panel");
  root.querySelectorAll(places).forEach((place) => { place.hidden = !place.textContent.toLowerCase().includes(typed); });
});
// Enter chooses the only one that is left; arrow keys go through those that are.
document.addEventListener("keydown", (event) => {
  const { target, key } = event, root = target.closest?.("form, dialog, .panel"), search = root?.querySelector("[data-narrow]");
  if (!search || event.defaultPrevented || !["Enter", "ArrowDown", "ArrowUp"].includes(key)) return;
  const left = [...root.querySelectorAll(search.dataset.narrow)].filter((place) => !place.hidden);
  const here = left.findIndex((place) => place.contains(target));
  if (target !== search && (here < 0 || key === "Enter")) return;
  event.preventDefault();
  if (key === "Enter") return void (left.length === 1 && (left[0].querySelector("input") ?? left[0]).click());
  const next = left[here + (key === "ArrowDown" ? 1 : -1)] ?? (here === 0 ? search : target);
  (next.querySelector("input") ?? next).focus();
});

// --- A filter's form -------------------------------------------------------------------------------------------------------------------------
function fitFilter(form) {
  const operator = form.elements.operator?.value, bare = form.dataset.bare.split(" ").includes(operator);
  form.querySelectorAll("[name=value]").forEach((field) => { field.disabled = bare; });
  form.querySelectorAll("[data-for-operator]").forEach((part) => {
    part.hidden = !part.dataset.forOperator.split(" ").includes(operator);
    part.querySelectorAll("[name=value]").forEach((field) => { field.disabled = part.hidden; });
  });
  form.querySelectorAll("[data-value]").forEach((part) => { part.hidden = bare; });
}
document.addEventListener("change", (event) => { if (event.target.name === "operator") event.target.closest("form[data-bare]") && fitFilter(event.target.form); });

/** Tell each cell what it is: on a phone, where rows are cards, the head is not above it. Each status gets its description. */
function label(list) {
  const tips = JSON.parse(list.dataset.tips || "{}");
  list.querySelectorAll(".pill:not([data-tooltip])").forEach((pill) => { const tip = tips[pill.textContent]; if (tip) pill.dataset.tooltip = tip; });
  const heads = [...(list.querySelector("table.list thead tr")?.cells ?? [])].map((head) => (head.dataset.column ? head.firstElementChild.textContent.trim() : ""));
  list.querySelectorAll("tr[data-row]").forEach((row) => [...row.cells].forEach((cell, place) => { if (heads[place] && !cell.dataset.label) cell.dataset.label = heads[place]; }));
}

// --- What is new on the page ------------------------------------------------------------------------------------------------------------------
function prepare(root) {
  const lists = [...root.querySelectorAll("[data-list]"), ...[root.closest?.("[data-list]")].filter(Boolean)];
  for (const list of new Set(lists)) {
    const before = kept.get(list.id);
    const everything = whole.get(list.id) === questionOf(list) && list.querySelector("[data-everything]");
    if (everything) everything.value = "1";
    // All of another question are not some of this one.
    if (before && !(whole.get(list.id) && !everything)) ticksOf(list).forEach((tick) => { tick.checked ||= Boolean(everything) || before.ids.has(tick.value); });
    // What went from the page one is on is gone. What is out of sight is another's once the question is another, and not known to be there
    // still once something was done to it.
    if (before?.address === addressOf(list)) before.sight.forEach((id) => before.ids.delete(id));
    if (before?.acted || before?.question !== questionOf(list)) kept.delete(list.id);
    label(list);
    show(list);
  }
  root.querySelectorAll("form[data-bare]").forEach(fitFilter);
  if (root.matches?.("form[data-bare]")) fitFilter(root);
}
prepare(document);

// A refresh leaves the list where it was: scrolled, with its current row, and with the groups open that were, and who is ticked in them.
let seen = null;
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const list = detail.target?.closest?.("[data-list]");
  if (!list || detail.requestConfig?.triggeringEvent?.type !== "refresh") return;
  const row = list.querySelector("[data-row].current");
  seen = { ...stateOf(list), row: row?.dataset.id, focused: row?.contains(document.activeElement), ticked: new Set(kept.get(list.id)?.ids) };
});
document.addEventListener("htmx:load", ({ detail }) => {
  if (!seen || seen.waiting) return;
  const list = detail.elt.closest(`#${seen.id}`) ?? detail.elt.querySelector(`#${seen.id}`);
  if (!list) return;
  seen.waiting = new Set(list.querySelectorAll("[data-fold-group][hx-trigger^=load]"));
  asBefore(list);
});
function stateOf(list) {
  const scroll = list.querySelector(".list-scroll");
  return { id: list.id, top: scroll?.scrollTop, left: scroll?.scrollLeft, open: [...list.querySelectorAll("[data-fold-group][aria-expanded=true]")].map(placeOf) };
}

function asBefore(list) {
  const { top, left, row: id, open, waiting } = seen;
  list.querySelector(".list-scroll")?.scrollTo({ top, left });
  const row = id && list.querySelector(`[data-row][data-id="${CSS.escape(id)}"]`);
  if (row) {
    row.classList.add("current");
    if (seen.focused) row.querySelector("a[href]")?.focus({ preventScroll: true });
    seen.focused = false;
  }
  list.querySelectorAll("[data-fold-group][aria-expanded=false]:not([hx-trigger^=load])").forEach((button) => {
    if (!open.includes(placeOf(button))) return;
    waiting.add(button);
    button.click();
  });
  if (!waiting.size) seen = null;
}
// So does *Back* from a card: the groups are open that were, on the row one came from (focus.js keeps which).
const GROUPS = () => `groups ${location.pathname}${location.search}`;
addEventListener("pagehide", () => {
  const list = document.querySelector("[data-list]:has([data-fold-group])");
  try {
    if (list) sessionStorage.setItem(GROUPS(), JSON.stringify(stateOf(list)));
    else sessionStorage.removeItem(GROUPS());
  } catch {
    // Storage may be closed to us; then the groups are closed, too.
  }
});
if (performance.getEntriesByType("navigation")[0]?.type === "back_forward") {
  try {
    const state = JSON.parse(sessionStorage.getItem(GROUPS()));
    seen = state && { ...state, row: sessionStorage.getItem(`row ${location.pathname}`), focused: true };
  } catch {
    // As above.
  }
}
document.addEventListener("htmx:load", (event) => prepare(event.detail.elt));
