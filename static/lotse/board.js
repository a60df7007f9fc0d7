// The board. One container [data-board] with columns of cards; a card is li.board-card[data-id], its place a [data-cell] (data-column, data-lane).
//   moving    by drag (SortableJS, also by touch), by keyboard (Space picks up, arrows, Space drops, Esc) and from the card's menu ([data-move-to]);
//             ticked cards go together. A move shows at once and is sent to data-move; refused, the card goes back, and the message says why. What
//             has to be asked first opens its dialog; closed without an answer, the card goes back.
//   arrows    alone go from card to card
//   ticks     input[name=ids] in the cards; [data-ticked-bar] shows while some are ticked, [data-ticked] holds their ids
//   columns   [data-fold-column] folds one; [data-more] loads more cards as it comes into view; [data-shown] says how many of how many
//   going     a[data-go], the forms [data-title] and [data-day]: load the board anew in its place, and push its address
//   preview   hovering over a card shows its facts beside it, to be edited in place
// What others change comes by board_live.js, which uses `window.lotse.board`.
const board = () => document.querySelector("[data-board]");
const cardsOf = (root) => [...root.querySelectorAll(".board-card")];
const cellOf = (card) => card.closest("[data-cell]");
const listOf = (cell) => cell.querySelector(".cards");
const cells = () => [...board().querySelectorAll("[data-cell]")];
const cellAt = (column, lane) => cells().find((cell) => cell.dataset.column === column && cell.dataset.lane === lane);
const nameOf = (card) => card.querySelector(".name").textContent;
const lang = document.documentElement.lang;
const fill = (text, words) => text.replace(/\{(\w+)\}/g, (_all, key) => words[key]);
const send = (name, detail) => document.body.dispatchEvent(new CustomEvent(name, { detail }));
const mouse = matchMedia("(hover: hover)");
const pending = new Set(); // ids of cards whose move the server has not answered yet

function say(text) {
  const live = board()?.querySelector("[data-say]");
  if (live) live.textContent = text;
}

// --- Where a card belongs ------------------------------------------------------------------------------------------------------------
function compare(a, b) {
  const ways = JSON.parse(board().dataset.directions), left = JSON.parse(a), right = JSON.parse(b);
  for (let place = 0; place < Math.min(left.length, right.length); place++) {
    if (left[place] === right[place]) continue;
    const less = left[place] === null || (right[place] !== null && left[place] < right[place]);
    return (less ? -1 : 1) * (place === 0 ? 1 : ways[ways.length - left.length + place] ?? 1);
  }
  return 0;
}

/** Put a card into a cell, in the board's order; tell whether it belongs to what is not loaded yet. */
function place(card, cell) {
  const list = listOf(cell), others = cardsOf(list).filter((other) => other !== card);
  const next = others.find((other) => compare(card.dataset.key, other.dataset.key) < 0);
  if (next) next.before(card); else list.append(card);
  return !next && Boolean(cell.querySelector("[data-more]"));
}

/** Say under each cell how many of how many are shown, and warn of columns above their limit. */
function tally() {
  const root = board();
  if (!root) return;
  for (const cell of cells()) {
    const shown = cardsOf(cell).length, count = cell.dataset.count, text = cell.querySelector("[data-shown]");
    if (text) text.textContent = count === undefined || (!shown && !Number(count)) ? "" : fill(root.dataset.sayShown, { shown: shown.toLocaleString(lang), count: Math.max(shown, Number(count)).toLocaleString(lang) });
  }
  for (const head of root.querySelectorAll("[data-head][data-limit]")) {
    const count = cells().filter((cell) => cell.dataset.column === head.dataset.head).reduce((sum, cell) => sum + Number(cell.dataset.count ?? 0), 0);
    const over = count > Number(head.dataset.limit);
    head.classList.toggle("over", over);
    head.querySelector("[data-limit-text]").title = over ? fill(root.dataset.sayOver, { limit: head.dataset.limit }) : "";
  }
}

function count(cell, step) {
  if (cell.dataset.count === undefined) return;
  cell.dataset.count = Math.max(0, Number(cell.dataset.count) + step);
  const text = board().querySelector(`[data-head="${CSS.escape(cell.dataset.column)}"] [data-count]`);
  const sum = cells().filter((one) => one.dataset.column === cell.dataset.column).reduce((all, one) => all + Number(one.dataset.count ?? 0), 0);
  if (text) text.textContent = sum.toLocaleString(lang);
}

// --- Moving ---------------------------------------------------------------------------------------------------------------------------
/** Return why a card cannot go from one cell to another, or nothing. */
function refusal(from, to) {
  const { dataset } = board(), column = from.dataset.column !== to.dataset.column, row = from.dataset.lane !== to.dataset.lane;
  if ((column && !("movesColumns" in dataset)) || (row && !("movesRows" in dataset))) return dataset.sayFixed;
  return (column || row) && to.dataset.refuses ? to.dataset.refuses : "";
}

/** The cards that go along with this one: all that are ticked, if it is. */
const together = (card) => (card.classList.contains("ticked") ? [card, ...cardsOf(board()).filter((one) => one !== card && one.matches(".ticked:not(.fixed)"))] : [card]);

const panel = document.getElementById("panel");
let asked = null; // a move whose question is open: how it goes back, and how it is done

/** Move cards to a cell; `from` is where each was. They show there at once. */
async function move(cards, to, from = new Map(cards.map((card) => [card, cellOf(card)]))) {
  const moving = cards.filter((card) => from.get(card) !== to && !pending.has(card.dataset.id) && !refusal(from.get(card), to));
  if (!moving.length) {
    const why = cards[0] && from.get(cards[0]) !== to ? refusal(from.get(cards[0]), to) : "";
    cards.forEach((card) => place(card, from.get(card)));
    if (why) send("toast", { text: why, level: "error" });
    return;
  }
  const focused = moving.find((card) => card.contains(document.activeElement));
  for (const card of moving) {
    pending.add(card.dataset.id);
    card.classList.add("going");
    count(from.get(card), -1);
    count(to, 1);
    place(card, to);
  }
  focused?.querySelector(".name").focus({ preventScroll: true });
  tally();
  const done = () => moving.forEach((card) => { pending.delete(card.dataset.id); card.classList.remove("going"); });
  const back = () => {
    const inFocus = moving.find((card) => card.contains(document.activeElement));
    for (const card of moving) {
      if (!card.isConnected) continue;
      count(to, -1);
      count(from.get(card), 1);
      place(card, from.get(card));
    }
    inFocus?.querySelector(".name").focus();
    done();
    tally();
    say(fill(board().dataset.sayBack, { name: nameOf(moving[0]), where: from.get(moving[0]).dataset.where }));
    send("boardMoved");
  };
  const values = {
    cards: moving.map((card) => `${card.dataset.id}:${from.get(card).dataset.column}:${from.get(card).dataset.lane}`).join(","),
    column: to.dataset.column, row: to.dataset.lane,
  };
  const status = await post(board().dataset.move, values);
  if (status === 202) {
    if (asked && panel?.open) return back(); // one question at a time: this one was not shown (app.js)
    asked?.back();
    asked = { back, done };
    return;
  }
  if (status < 200 || status >= 300) return back();
  done();
  untick();
  send("boardMoved");
}

/** Send by htmx, so that messages, lost sessions and failures are told as everywhere; return the status, 0 without an answer. */
function post(url, values) {
  const source = Object.assign(document.createElement("span"), { hidden: true });
  board().append(source);
  return new Promise((resolve) => {
    let status = 0;
    source.addEventListener("htmx:afterRequest", ({ detail }) => { status = detail.xhr?.status ?? 0; });
    window.htmx.ajax("POST", url + board().dataset.query, { source, swap: "none", values }).catch(() => {}).then(() => {
      source.remove();
      resolve(status);
    });
  });
}
// The dialog was answered (its form alone brings "moved"), or closed without an answer.
document.body.addEventListener("moved", () => { if (asked) settleAsked(true); });
panel?.addEventListener("close", () => { if (asked) settleAsked(false); });
function settleAsked(answered) {
  const { back, done } = asked;
  asked = null;
  if (!answered) return back();
  done();
  untick();
  send("boardMoved");
}

// --- By drag --------------------------------------------------------------------------------------------------------------------------
/** The cell that a card is let go over. SortableJS looks only every 50 ms where the hand is: a quick one is a column further. */
function cellUnder(event) {
  const { clientX, clientY } = event?.changedTouches?.[0] ?? event ?? {};
  return clientX === undefined ? null : document.elementFromPoint(clientX, clientY)?.closest("[data-cell]");
}

function makeDraggable(root) {
  if (!("movesColumns" in root.dataset || "movesRows" in root.dataset) || !window.Sortable) return;
  for (const list of root.querySelectorAll("[data-cell] .cards")) {
    if (window.Sortable.get(list)) continue;
    window.Sortable.create(list, {
      group: { name: "cards", put: (to, from) => !refusal(cellOf(from.el), cellOf(to.el)) },
      draggable: ".board-card:not(.fixed)", filter: ".card-tools", preventOnFilter: false, sort: false, animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 120,
      ghostClass: "drop-place", dragClass: "in-hand", forceFallback: true, fallbackOnBody: true, fallbackTolerance: 5,
      delay: 220, delayOnTouchOnly: true, touchStartThreshold: 6, scroll: true, bubbleScroll: true, scrollSensitivity: 70, scrollSpeed: 14, emptyInsertThreshold: 30,
      onStart: ({ item, from }) => {
        closePreview();
        root.classList.add("dragging");
        const many = together(item).length, hand = document.querySelector(".in-hand");
        if (many > 1 && hand) hand.dataset.many = many;
        cells().forEach((cell) => { if (cell !== cellOf(from)) cell.classList.add(refusal(cellOf(from), cell) ? "no-drop" : "may-drop"); });
      },
      onChange: ({ to }) => cells().forEach((cell) => cell.classList.toggle("over", cell === cellOf(to))),
      onEnd: ({ item, from, to, originalEvent }) => {
        root.classList.remove("dragging");
        cells().forEach((cell) => cell.classList.remove("may-drop", "no-drop", "over"));
        const home = cellOf(from), target = cellUnder(originalEvent) ?? cellOf(to);
        if (target === home || originalEvent.type.endsWith("cancel")) return void place(item, home);
        move(together(item), target, new Map(together(item).map((card) => [card, card === item ? home : cellOf(card)])));
      },
    });
  }
}

// SortableJS knows no Escape: the card is let go as where the system takes the hand away.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !board()?.matches(".dragging")) return;
  event.preventDefault();
  for (const type of ["pointercancel", "touchcancel"]) document.dispatchEvent(new Event(type));
});

// --- By keyboard ------------------------------------------------------------------------------------------------------------------------
let held = null, home = null;

function letGo(drop) {
  const card = held, to = cellOf(card), link = card.querySelector(".name");
  card.classList.remove("held");
  held = null;
  if (drop) {
    say(fill(board().dataset.sayDropped, { name: nameOf(card), where: to.dataset.where }));
    const homes = new Map(together(card).map((one) => [one, one === card ? home : cellOf(one)]));
    if (to !== home) move([...homes.keys()], to, homes);
  } else {
    place(card, home);
    say(fill(board().dataset.sayBack, { name: nameOf(card), where: home.dataset.where }));
  }
  link.focus();
}

/** The next cell in this direction that takes the card; those that do not are passed over. */
function nextCell(from, key) {
  const columns = [...new Set(cells().map((cell) => cell.dataset.column))], lanes = [...new Set(cells().map((cell) => cell.dataset.lane))];
  let column = columns.indexOf(from.dataset.column), lane = lanes.indexOf(from.dataset.lane), why = "";
  for (;;) {
    if (key === "ArrowRight") column++; else if (key === "ArrowLeft") column--; else if (key === "ArrowDown") lane++; else lane--;
    const cell = columns[column] !== undefined && lanes[lane] !== undefined ? cellAt(columns[column], lanes[lane]) : null;
    if (!cell) return { why };
    why = held ? (cell === home ? "" : refusal(home, cell)) : "";
    if (!why && !(cell.matches(".folded") && !held)) return { cell };
  }
}

function carry(key) {
  const { cell, why } = nextCell(cellOf(held), key);
  if (!cell) return why ? say(fill(board().dataset.sayRefused, { why })) : undefined;
  place(held, cell);
  held.scrollIntoView({ block: "nearest", inline: "nearest" });
  held.querySelector(".name").focus({ preventScroll: true });
  say(fill(board().dataset.sayAt, { name: nameOf(held), where: cell.dataset.where }));
}

function walk(card, key) {
  const own = cardsOf(cellOf(card)), here = own.indexOf(card), step = { ArrowDown: 1, ArrowUp: -1 }[key];
  let next = step && own[here + step];
  for (let from = cellOf(card); !next && from; ) {
    from = nextCell(from, key).cell;
    if (!from) break;
    const there = cardsOf(from);
    next = step ? there.at(step > 0 ? 0 : -1) : there[Math.min(here, there.length - 1)];
  }
  next?.querySelector(".name").focus();
  next?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

document.addEventListener("keydown", (event) => {
  const link = event.target.closest?.("[data-board] .board-card .name");
  if (!link || event.ctrlKey || event.metaKey || event.altKey) return;
  const card = link.closest(".board-card"), { key } = event;
  if (held) {
    if (key === " " || key === "Enter") letGo(true); else if (key === "Escape") letGo(false); else if (key.startsWith("Arrow")) carry(key); else if (key === "Tab") return letGo(false); else return;
  } else if (key === " ") {
    if (card.matches(".fixed") || !("movesColumns" in board().dataset || "movesRows" in board().dataset) || pending.has(card.dataset.id)) say(board().dataset.sayFixed);
    else {
      held = card;
      home = cellOf(card);
      card.classList.add("held");
      const many = together(card).length;
      say(fill(board().dataset.sayHeld, { name: many > 1 ? fill(board().dataset.sayMany, { count: many }) : nameOf(card), where: home.dataset.where }));
    }
  } else if (key.startsWith("Arrow")) walk(card, key);
  else return;
  event.preventDefault();
  event.stopPropagation();
}, true);

// --- The menu of a card -------------------------------------------------------------------------------------------------------------------
document.addEventListener("toggle", async (event) => {
  const menu = event.target;
  if (!menu.matches?.("[data-card-menu]") || !menu.open) return;
  closePreview();
  const panel = menu.querySelector(".panel"), card = menu.closest(".board-card");
  const query = board().dataset.query;
  await window.htmx.ajax("GET", `${board().dataset.menuUrl}${query}${query ? "&" : "?"}id=${card.dataset.id}`, { source: panel, target: panel, swap: "innerHTML" });
  dispatchEvent(new Event("resize")); // it is placed anew, by its size
  if (menu.open && document.activeElement === menu.querySelector("summary")) panel.querySelector(".item")?.focus();
}, true);
document.addEventListener("click", (event) => {
  const item = event.target.closest?.("[data-move-to], [data-move-to-row], [data-show-preview]"), card = item?.closest(".board-card");
  if (!card) return;
  if ("showPreview" in item.dataset) return void setTimeout(() => preview(card));
  const here = cellOf(card);
  const to = cellAt(item.dataset.moveTo ?? here.dataset.column, item.dataset.moveToRow ?? here.dataset.lane);
  if (to && to !== here) move(together(card), to);
});

// --- Ticks ----------------------------------------------------------------------------------------------------------------------------------
function showTicks() {
  const root = board(), bar = root?.querySelector("[data-ticked-bar]");
  if (!root) return;
  const ticks = [...root.querySelectorAll(".board-card input[name=ids]")];
  ticks.forEach((tick) => tick.closest(".board-card").classList.toggle("ticked", tick.checked));
  const ticked = ticks.filter((tick) => tick.checked);
  if (!bar) return;
  bar.hidden = !ticked.length;
  bar.querySelector("[data-count]").textContent = ticked.length.toLocaleString(lang);
  root.querySelector("[data-ticked]").value = ticked.map((tick) => tick.value).join(",");
  if (!bar.hidden) document.documentElement.style.setProperty("--bar", `${bar.offsetHeight}px`); // messages stand above it
}
function untick() {
  board()?.querySelectorAll(".board-card input[name=ids]:checked").forEach((tick) => { tick.checked = false; });
  showTicks();
}
document.addEventListener("change", (event) => { if (event.target.matches?.("[data-board] input[name=ids]")) showTicks(); });
document.addEventListener("click", (event) => { if (event.target.closest?.("[data-ticked-bar] [data-clear]")) untick(); });
// A click on a card, beside what else can be clicked, opens it.
document.addEventListener("click", (event) => {
  const card = event.target.closest?.("[data-board] .board-card");
  if (!card || event.target.closest("a, button, input, summary, details, label") || String(getSelection())) return;
  const link = card.querySelector(".name");
  if (event.ctrlKey || event.metaKey) open(link.href); else link.click();
});

// --- Columns ----------------------------------------------------------------------------------------------------------------------------------
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-fold-column]");
  if (!button) return;
  const head = button.closest("[data-head]"), folded = head.classList.toggle("folded");
  button.setAttribute("aria-expanded", String(!folded));
  for (const cell of cells().filter((one) => one.dataset.column === head.dataset.head)) {
    cell.classList.toggle("folded", folded);
    if (!folded && !cardsOf(cell).length && cell.dataset.count !== "0") loadMore(cell, "");
  }
  const keys = [...board().querySelectorAll("[data-head].folded")].map((one) => one.dataset.head);
  const body = new URLSearchParams([["folded", ""], ...keys.map((key) => ["folded", key])]);
  const token = document.querySelector("meta[name=csrf-token]").content;
  fetch(board().dataset.settings + board().dataset.query, { method: "POST", body, headers: { "X-CSRFToken": token, "HX-Request": "true" }, keepalive: true }).catch(() => {});
});
// What is hidden goes along with its tick in the dialog.
document.addEventListener("change", (event) => {
  const key = event.target.dataset?.hides;
  if (key !== undefined) event.target.closest("div").querySelector("[name=hidden]").disabled = event.target.checked;
});

const loading = new WeakSet();
async function loadMore(cell, after) {
  if (loading.has(cell)) return;
  loading.add(cell);
  const { cards, query } = board().dataset, asks = new URLSearchParams({ column: cell.dataset.column, row: cell.dataset.lane, after });
  const answer = await fetch(`${cards}${query}${query ? "&" : "?"}${asks}`, { headers: { "HX-Request": "true" } }).catch(() => null);
  loading.delete(cell);
  if (!answer?.ok || !cell.isConnected) return answer?.status === 401 ? send("signedOut") : undefined;
  const brought = new DOMParser().parseFromString(`<ul>${await answer.text()}</ul>`, "text/html");
  cell.querySelectorAll("[data-more]").forEach((one) => one.remove());
  const more = brought.querySelector("[data-more]")?.dataset.more;
  for (const card of brought.querySelectorAll(".board-card")) if (!board().querySelector(`.board-card[data-id="${card.dataset.id}"]`)) listOf(cell).append(card);
  if (more) {
    const mark = document.createElement("div");
    mark.dataset.more = more;
    listOf(cell).after(mark);
    watch(mark);
  }
  window.htmx.process(listOf(cell));
  tally();
}
const seen = new IntersectionObserver((entries) => entries.forEach((entry) => {
  if (entry.isIntersecting && entry.target.isConnected) loadMore(cellOf(entry.target), entry.target.dataset.more);
}), { rootMargin: "300px" });
const watch = (mark) => seen.observe(mark);

// --- Going on -----------------------------------------------------------------------------------------------------------------------------------
let going = null, next = null;
/** One after the other: the board that asked would be gone with the first answer. Of what is asked meanwhile the last one follows. */
async function go(address, push = true) {
  const { pathname, search } = new URL(address, location.href);
  if (going) {
    if (push) next = address; // to read the board anew is under way as it is
    return going;
  }
  going = window.htmx.ajax("GET", pathname + search, { source: board(), target: board(), swap: "outerHTML", ...(push ? { push: "true" } : {}) });
  await going.catch(() => {});
  const to = next;
  going = next = null;
  if (to) await go(to);
}
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-board] a[data-go]");
  if (!link || event.ctrlKey || event.metaKey || event.button) return;
  event.preventDefault();
  go(link.href);
});
let typing = null;
function goWith(form, name, value) {
  const url = new URL(form.getAttribute("action"), location.href);
  if (value) url.searchParams.set(name, value);
  go(url);
}
document.addEventListener("input", (event) => {
  const form = event.target.closest?.("form[data-title]");
  if (!form) return;
  clearTimeout(typing);
  typing = setTimeout(() => goWith(form, "title", event.target.value.trim()), 350);
});
document.addEventListener("change", (event) => { if (event.target.matches?.("form[data-day] input")) goWith(event.target.form, "day", event.target.value); });
document.addEventListener("submit", (event) => {
  if (!event.target.matches?.("form[data-title], form[data-day]")) return;
  event.preventDefault();
  clearTimeout(typing);
  const field = event.target.querySelector("input");
  goWith(event.target, field.name, field.value.trim());
});

// --- Preview -----------------------------------------------------------------------------------------------------------------------------------
let hover = null, shown = null;
const box = () => board()?.querySelector("[data-preview-box]");
function closePreview() {
  clearTimeout(hover);
  shown = null;
  if (box()?.matches(":popover-open")) box().hidePopover();
}
async function preview(card) {
  if (!card.isConnected || held || board().classList.contains("dragging") || document.querySelector("dialog[open], details[data-menu][open]")) return;
  const panel = box();
  shown = card;
  await window.htmx.ajax("GET", board().dataset.preview.replace("/0/", `/${card.dataset.id}/`), { source: panel, target: panel, swap: "innerHTML" });
  if (shown !== card || !card.isConnected) return;
  panel.showPopover();
  const from = card.getBoundingClientRect(), width = panel.offsetWidth, edge = 8;
  const right = from.right + 8, left = right + width > innerWidth - edge ? from.left - width - 8 : right;
  panel.style.setProperty("--x", `${Math.max(edge, left)}px`);
  panel.style.setProperty("--y", `${Math.max(edge, Math.min(from.top, innerHeight - panel.offsetHeight - edge))}px`);
}
document.addEventListener("pointerover", (event) => {
  if (event.pointerType === "touch" || !mouse.matches || !board()) return;
  const card = event.target.closest?.("[data-board] .board-card"), panel = box();
  if (panel?.contains(event.target)) return clearTimeout(hover);
  clearTimeout(hover);
  if (card && card !== shown && !event.target.closest(".card-tools")) hover = setTimeout(preview, 650, card);
  else if (shown && !panel.querySelector(".editing") && card !== shown) hover = setTimeout(closePreview, 250);
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && shown && !event.target.closest?.(".editing")) closePreview(); });
document.addEventListener("pointerdown", (event) => { if (shown && !box()?.contains(event.target)) closePreview(); });

// --- What is new on the page ----------------------------------------------------------------------------------------------------------------------
function prepare() {
  const root = board();
  if (!root) return;
  makeDraggable(root);
  root.querySelectorAll("[data-more]").forEach(watch);
  showTicks();
  tally();
  root.dataset.ready = "";
}
document.addEventListener("htmx:load", (event) => { if (event.detail.elt.matches?.("[data-board]")) prepare(); });
// A refresh leaves the board where it was.
let was = null;
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!detail.target?.matches?.("[data-board]")) return;
  const root = board();
  closePreview();
  was = {
    x: root.querySelector(".board-scroll")?.scrollLeft, y: root.querySelector(".board-scroll")?.scrollTop,
    cells: cells().map((cell) => [cell.dataset.column, cell.dataset.lane, cell.scrollTop]),
    ticked: [...root.querySelectorAll("input[name=ids]:checked")].map((tick) => tick.value), focused: document.activeElement?.closest?.(".board-card")?.dataset.id,
  };
});
document.addEventListener("htmx:afterSwap", () => {
  const root = board();
  if (!was || !root) return;
  const { x, y, cells: tops, ticked, focused } = was;
  was = null;
  root.querySelector(".board-scroll")?.scrollTo(x, y);
  tops.forEach(([column, lane, top]) => { const cell = cellAt(column, lane); if (cell) cell.scrollTop = top; });
  ticked.forEach((pk) => { const tick = root.querySelector(`input[name=ids][value="${pk}"]`); if (tick) tick.checked = true; });
  if (focused) root.querySelector(`.board-card[data-id="${focused}"] .name`)?.focus({ preventScroll: true });
  showTicks();
});
// SortableJS is a plain script; it may come after this module.
if (document.readyState === "complete" || window.Sortable) prepare(); else addEventListener("load", prepare);

window.lotse = { ...window.lotse, board: {
  root: board, cells, cellAt, cellOf, cardsOf, place, tally, go, showTicks, pending,
  busy: () => Boolean(held || asked || board()?.matches(".dragging") || box()?.querySelector(".editing")),
} };
