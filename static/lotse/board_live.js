// What others change comes to the board by itself: every two seconds, while the page is seen, it asks data-live what is new since data-position, and
// most of the time the answer is that nothing is. After a move of one's own, or whatever else changed something ("changed"), it asks at once.
const EVERY = 2_000, FIGURES = 5_000;
const page = () => window.lotse?.board, send = (name, detail) => document.body.dispatchEvent(new CustomEvent(name, { detail }));
const lang = document.documentElement.lang;
let timer = null, asking = null, again = false, figuresAt = 0, figuresTimer = null, signedOut = false;

function later(wait = EVERY) {
  clearTimeout(timer);
  timer = setTimeout(ask, wait);
}

async function ask() {
  const root = page()?.root();
  if (!root?.dataset.live) return later();
  if (document.hidden || signedOut || page().busy()) return later(page().busy() ? 400 : EVERY);
  if (asking) {
    again = true;
    return;
  }
  const { live, query, position } = root.dataset, shown = page().cardsOf(root).map((card) => card.dataset.id).join(",").slice(0, 7_000);
  asking = fetch(`${live}${query}${query ? "&" : "?"}since=${encodeURIComponent(position)}`, { headers: { "HX-Request": "true", "Lotse-Shown": shown } }).catch(() => null);
  const answer = await asking;
  asking = null;
  root.querySelector(".live")?.classList.toggle("lost", !answer?.ok);
  if (answer?.status === 401) {
    signedOut = true;
    send("signedOut");
  } else if (answer?.status === 200 && root.isConnected) await show(root, await answer.json());
  if (again) {
    again = false;
    return ask();
  }
  later();
}

async function show(root, news) {
  if (page().busy()) return; // under somebody's hand nothing moves; it is asked again
  root.dataset.position = news.position;
  if (news.everything) return page().go(root.dataset.here, false);
  for (const pk of news.gone) {
    const card = root.querySelector(`.board-card[data-id="${pk}"]`);
    if (card && !page().pending.has(String(pk))) card.remove();
  }
  for (const one of news.cards) put(root, one);
  if (news.figures) figures(root, news.figures);
  else if (news.cards.length || news.gone.length) askFigures(root);
  page().showTicks();
  page().tally();
}

/** Put a card where it belongs now. One that belongs below what is loaded comes with the rest, unless its user has just moved it there. */
function put(root, { id, column, row, html }) {
  if (page().pending.has(String(id))) return;
  const old = root.querySelector(`.board-card[data-id="${id}"]`), cell = page().cellAt(column, row);
  if (!cell || cell.matches(".folded")) return old?.remove();
  const made = new DOMParser().parseFromString(`<ul>${html}</ul>`, "text/html").querySelector(".board-card");
  if (old?.querySelector("details[open]")) return void setTimeout(() => put(root, { id, column, row, html }), 1_000);
  const focused = old?.contains(document.activeElement), ticked = old?.querySelector("input[name=ids]")?.checked, from = old && page().cellOf(old);
  old?.remove();
  const below = page().place(made, cell);
  if (below && !old) return made.remove();
  if (ticked) made.querySelector("input[name=ids]").checked = true;
  window.htmx.process(made);
  if (focused) made.querySelector(".name").focus({ preventScroll: true });
  if (from !== cell) {
    made.classList.add("arrived");
    setTimeout(() => made.classList.remove("arrived"), 2_000);
  }
}

// --- What the columns hold --------------------------------------------------------------------------------------------------------------
function figures(root, { columns, cells, facts, without }) {
  for (const head of root.querySelectorAll("[data-head]")) {
    const figure = columns[head.dataset.head];
    head.querySelector("[data-count]").textContent = figure?.text ?? (0).toLocaleString(lang);
    head.querySelector("[data-sum]").textContent = figure?.sum ?? "";
    head.querySelector("[data-days]").textContent = figure?.days ?? "";
  }
  const counts = new Map(cells.map(([column, row, count]) => [`${column}/${row}`, count]));
  page().cells().forEach((cell) => { cell.dataset.count = counts.get(`${cell.dataset.column}/${cell.dataset.lane}`) ?? 0; });
  root.querySelector("[data-total]").textContent = facts;
  const others = root.querySelector("[data-without]");
  if (without !== undefined) {
    others.hidden = !without;
    others.querySelector("a").textContent = without;
  }
  page().tally();
}

/** Count a board that is too large to be counted with each change: now and then. */
function askFigures(root) {
  clearTimeout(figuresTimer);
  figuresTimer = setTimeout(async () => {
    figuresAt = Date.now();
    const answer = await fetch(root.dataset.figures + root.dataset.query, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (answer?.ok && root.isConnected) figures(root, await answer.json());
  }, Math.max(0, figuresAt + FIGURES - Date.now()));
}

function begin() {
  const root = page()?.root();
  if (root && "figuresLater" in root.dataset) {
    figuresAt = 0;
    askFigures(root);
  }
  later();
}
document.addEventListener("htmx:load", (event) => { if (event.detail.elt.matches?.("[data-board]")) begin(); });
for (const name of ["changed", "boardMoved"]) document.body.addEventListener(name, ask);
document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
addEventListener("focus", () => { signedOut = false; ask(); });
begin();
