// The keys of the product ("?" shows them). None fires while typing or with Ctrl, Alt or Cmd held.
import { undoLast } from "./toast.js";

let pending = "";
const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent);
const current = () => document.querySelector("[data-row].current");

function move(step) {
  const all = rows(), here = all.indexOf(current()), next = all[Math.min(all.length - 1, Math.max(0, here + step))];
  if (!next) return;
  current()?.classList.remove("current");
  next.classList.add("current");
  next.scrollIntoView({ block: "nearest" });
  next.querySelector("a")?.focus({ preventScroll: true });
}

const press = (selector, root = document) => { const element = root?.querySelector(selector); if (element) { element.focus(); element.click(); } return element; };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input:not([type=checkbox]), select, textarea, [contenteditable], dialog[open]")) return;
  if (pending === "g") {
    pending = "";
    const link = document.querySelector(`.side nav a[data-key="${CSS.escape(event.key)}"]`);
    if (link) { event.preventDefault(); link.click(); }
    return;
  }
  const actions = {
    g: () => { pending = "g"; setTimeout(() => { pending = ""; }, 1200); },
    j: () => move(1),
    k: () => move(-1),
    x: () => press("input[name=ids]", current()),
    n: () => press("[data-new]"),
    s: () => press("[data-set-status]", current() ?? document) ?? press("[data-action=status]"),
    e: () => press("[data-edit-all]"),
    u: () => undoLast(),
    "?": () => document.getElementById("keys")?.showModal(),
    Enter: () => { if (event.target === document.body && current()?.dataset.href) location.href = current().dataset.href; },
  };
  if (!actions[event.key]) return;
  if (event.key !== "Enter") event.preventDefault();
  actions[event.key]();
});
document.querySelector("[data-show-keys]")?.addEventListener("click", () => document.getElementById("keys").showModal());
