// The focus is never lost: when what had it goes, by a swap, with its message or its dialog, it is found again, by its id or by what does not
// change of it where it stood (SAME); else what stands in its place there gets it, else the list, else the page. Whoever knows
// better (the next row of the day, the first wrong field) sets it at once; here it is asked after that.
// Back from a card: the focus is on the row one came from.
const SAME = ["href", "data-href", "hx-post", "hx-get", "name", "aria-label", "data-set-status", "data-action"];
const FOCUSABLE = "a[href], button:not(:disabled), input:not(:disabled, [type=hidden]), select:not(:disabled), textarea:not(:disabled), summary, [tabindex='0']";
/** Parts of a page in which things stand beside each other: one of them goes, the next takes its place. */
const GROUPS = ".toolbar, thead tr, .list-foot, .timeline, .action-bar";
const SETTLED = 60; // milliseconds: what came has had its say

const isThere = (element) => element?.isConnected && element.checkVisibility({ visibilityProperty: true });
const within = (place) => [...place.querySelectorAll(FOCUSABLE)].filter(isThere);
const kindOf = (element) => `${element.parentElement?.localName}.${element.parentElement?.className}>${element.localName}.${element.className}`;

/** What is known of an element as long as it is there: where it stands, the nearest first, and which one of its kind it is. */
function trailOf(element) {
  const scopes = [];
  for (let place = element.parentElement; place && place !== document.body; place = place.parentElement) {
    if (place.id) scopes.push(`#${CSS.escape(place.id)}`);
    else if (place.dataset.id) scopes.push(`[data-id="${CSS.escape(place.dataset.id)}"]`);
    else if (place.dataset.column) scopes.push(`[data-column="${CSS.escape(place.dataset.column)}"]`);
  }
  const marks = SAME.filter((name) => element.hasAttribute(name)).map((name) => `${element.localName}[${name}="${CSS.escape(element.getAttribute(name))}"]`);
  const group = element.closest(GROUPS), all = group ? within(group) : [], kind = kindOf(element);
  return {
    element, scopes, marks, kind, id: element.id,
    group: group && GROUPS.split(", ").find((one) => group.matches(one)),
    place: all.indexOf(element), nth: all.filter((one) => kindOf(one) === kind).indexOf(element),
  };
}

function again({ element, id, scopes, marks, kind, group, place, nth }) {
  if (isThere(element)) return element;
  const own = id && document.getElementById(id);
  if (isThere(own)) return own;
  const places = scopes.map((scope) => document.querySelector(scope)).filter(isThere);
  for (const [number, where] of places.entries()) {
    const found = within(where);
    // Outside its own row one of the same name is another row's.
    const same = marks.map((mark) => found.find((one) => one.matches(mark) && (number === 0 || !one.closest("[data-row]") || one.closest("[data-row]") === element.closest("[data-row]")))).find(Boolean);
    if (same) return same;
    if (where.dataset.column || where.dataset.id) {
      const alike = found.find((one) => kindOf(one) === kind) ?? found[0];
      if (alike) return alike;
    }
  }
  for (const where of places) {
    const there = group && [...where.querySelectorAll(group)].find(isThere);
    if (!there) continue;
    const found = within(there), alike = found.filter((one) => kindOf(one) === kind);
    const next = alike[Math.min(Math.max(nth, 0), alike.length - 1)] ?? found[Math.min(Math.max(place - 1, 0), found.length - 1)];
    if (next) return next;
  }
  for (const where of places) {
    const next = [...where.querySelectorAll("[role=region][tabindex='0']")].find(isThere) ?? within(where)[0];
    if (next) return next;
  }
  return document.getElementById("main");
}

let had = null, timer = null;
const trails = { page: null, dialog: null };
document.addEventListener("focusin", ({ target }) => {
  had = target;
  // A message goes, and one is where one was before; a dialog gives the focus back itself.
  if (target.closest("#toasts") || target.id === "main") return;
  trails[target.closest("dialog") ? "dialog" : "page"] = trailOf(target);
});
// Who clicks beside everything means it.
document.addEventListener("focusout", () => setTimeout(() => { if (document.activeElement === document.body && isThere(had)) had = null; }));

const isLost = () => had && !isThere(had) && (document.activeElement === document.body || !document.activeElement);
function look() {
  if (!isLost()) return;
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (!isLost()) return;
    const dialog = [...document.querySelectorAll("dialog:modal")].pop(), trail = dialog ? trails.dialog : trails.page;
    const found = trail && again(trail), place = dialog ? (dialog.contains(found) ? found : within(dialog)[0]) : (found ?? document.getElementById("main"));
    place?.focus({ preventScroll: true });
  }, SETTLED);
}
new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
document.addEventListener("htmx:afterSettle", look);

// --- Back to the row one came from ------------------------------------------------------------------------------------------------------------
const ROW = `row ${location.pathname}`;
let clicked = "";
document.addEventListener("click", ({ target }) => { clicked = target.closest?.("[data-row]")?.dataset.id ?? clicked; });
addEventListener("pagehide", () => {
  const id = document.activeElement?.closest("[data-row]")?.dataset.id ?? clicked;
  try {
    if (id) sessionStorage.setItem(`row ${location.pathname}`, id);
    else sessionStorage.removeItem(`row ${location.pathname}`);
  } catch {
    // Storage may be closed to us; then the page begins at its top.
  }
});
if (performance.getEntriesByType("navigation")[0]?.type === "back_forward" && document.activeElement === document.body) {
  let id = null;
  try {
    id = sessionStorage.getItem(ROW);
  } catch {
    // As above.
  }
  const row = id && document.querySelector(`[data-row][data-id="${CSS.escape(id)}"]`);
  (row?.querySelector("a.name") ?? row?.querySelector("a[href]"))?.focus();
}
