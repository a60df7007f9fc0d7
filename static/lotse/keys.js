// The keys of the product; "?" shows them all (the dialog #keys in base.html). None fires while typing, with a dialog open, or with Ctrl, Alt
// or Cmd held. They use what the page shows:
//   [data-row]            rows (a tr of a list, or any element); j k move, Enter opens data-href, x ticks its input[name=ids]
//   nav a[data-key]       g and its letter
//   [data-new]            n: the link that makes a new record
//   [data-set-status]     s: of the current row, else of the page; without one [data-action=status], the action bar's
//   [data-edit-all]       e: of the current row, else of the page
//   [data-copy]           y: of the current row, else of the page
// u undoes the last change. "/" and Ctrl-K are in palette.js.
const TYPING = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), select, textarea, [contenteditable]";
const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.checkVisibility());
const current = () => document.querySelector("[data-row].current");
let pending = 0;

function mark(row) {
  current()?.classList.remove("current");
  if (!row) return;
  row.classList.add("current");
  row.scrollIntoView({ block: "nearest" });
  // The focus goes along, so that a screen reader reads the row and Tab goes on from it.
  row.querySelector("a[href]:not([tabindex='-1'])")?.focus({ preventScroll: true });
}

function move(step) {
  const all = rows(), here = all.indexOf(current());
  mark(all[here < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, here + step))]);
}

function press(...places) {
  const element = places.find((place) => place && place.checkVisibility());
  element?.focus();
  element?.click();
}
const inRow = (selector) => current()?.querySelector(selector);
const onPage = (selector) => document.querySelector(selector);

const actions = {
  j: () => move(1),
  k: () => move(-1),
  x: () => inRow("input[name=ids]")?.click(),
  n: () => onPage("[data-new]")?.click(),
  s: () => press(inRow("[data-set-status]"), ...document.querySelectorAll("[data-action-bar]:not([hidden]) [data-action=status], main [data-set-status]")),
  e: () => press(inRow("[data-edit-all]"), onPage("[data-edit-all]")),
  y: () => press(inRow("[data-copy]"), onPage("main [data-copy]")),
  u: () => document.body.dispatchEvent(new CustomEvent("undoLast")),
  g: () => { pending = Date.now(); },
  "?": () => document.getElementById("keys")?.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
  if (event.target.closest?.(`${TYPING}, details[data-menu][open] .panel`) || document.querySelector("dialog[open]")) return;
  if (Date.now() - pending < 1500 && event.key !== "g") {
    pending = 0;
    const link = onPage(`nav a[data-key="${CSS.escape(event.key)}"]`);
    if (link) {
      event.preventDefault();
      link.click();
    }
    return;
  }
  if (event.key === "Enter" && event.target === document.body && current()) location.href = current().dataset.href ?? current().querySelector("a.name")?.href ?? location.href;
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
});
// Where the focus goes, the current row goes along.
document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.("[data-row]");
  if (row && row !== current() && event.target.matches(":focus-visible")) {
    current()?.classList.remove("current");
    row.classList.add("current");
  }
});
document.addEventListener("click", (event) => { if (event.target.closest?.("[data-show-keys]")) document.getElementById("keys")?.showModal(); });
