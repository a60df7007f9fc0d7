// The page's small behaviours. What each part listens to:
//   messages   HX-Trigger {"toast": {text, undo_url, level, link}}; <span data-message data-level> rendered by the server
//   menus      <details data-menu>: one open at a time, Esc and a click elsewhere close it, arrow keys move
//   dialogs    <a data-dialog href> loads its href into <dialog id=panel>; data-close-dialog closes; event "closeDialog" closes
//   refresh    event "changed" (from HX-Trigger): every [data-refresh] with hx-get loads itself again
//   rows       <tr data-row data-id data-href>: a click opens
import "./keys.js";
import "./palette.js";
import "./table.js";
import "./inline.js";
import { toast } from "./toast.js";

document.querySelectorAll("#toasts [data-message]").forEach((element) => {
  toast({ text: element.dataset.message, level: element.dataset.level.includes("error") ? "error" : "ok" });
  element.remove();
});
document.body.addEventListener("toast", (event) => toast(event.detail));

// --- What fails ----------------------------------------------------------------------------------------------------------
const words = document.getElementById("toasts").dataset;
document.body.addEventListener("htmx:sendError", () => toast({ text: words.offline, level: "error" }));
document.body.addEventListener("htmx:responseError", (event) => {
  const xhr = event.detail.xhr;
  if (xhr.getResponseHeader("HX-Trigger")?.includes("toast")) return;
  toast({ text: xhr.status === 401 ? words.signedOut : xhr.getResponseHeader("X-Message") || words.failed, level: "error" });
});

// --- A thin bar, after 300 ms only -----------------------------------------------------------------------------------------
let waiting = 0, timer = null;
const settle = () => { waiting = Math.max(0, waiting - 1); if (!waiting) { clearTimeout(timer); document.documentElement.classList.remove("loading-now"); } };
document.body.addEventListener("htmx:beforeRequest", () => { if (!waiting++) timer = setTimeout(() => document.documentElement.classList.add("loading-now"), 300); });
document.body.addEventListener("htmx:afterRequest", settle);

// --- Menus -------------------------------------------------------------------------------------------------------------------
const menus = () => [...document.querySelectorAll("details[data-menu][open]")];
document.addEventListener("click", (event) => menus().forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; }));
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("details[data-menu]") && event.target.open) menus().forEach((menu) => { if (menu !== event.target && !menu.contains(event.target)) menu.open = false; });
}, true);
document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details[data-menu][open]");
  if (!menu) return;
  if (event.key === "Escape") { menu.open = false; menu.querySelector("summary").focus(); event.stopPropagation(); return; }
  if (event.target.matches("input, select, textarea") || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
  const items = [...menu.querySelectorAll(".item:not(:disabled)")], here = items.indexOf(document.activeElement);
  if (!items.length) return;
  event.preventDefault();
  const next = { ArrowDown: (here + 1) % items.length, ArrowUp: (here - 1 + items.length) % items.length, Home: 0, End: items.length - 1 }[event.key];
  items[next].focus();
});

// --- Dialogs -------------------------------------------------------------------------------------------------------------------
const panel = document.getElementById("panel");
document.addEventListener("click", async (event) => {
  const opener = event.target.closest?.("[data-dialog]");
  if (opener && panel && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    opener.closest("details[data-menu]")?.removeAttribute("open");
    document.getElementById("panel-title").textContent = opener.dataset.dialog || opener.textContent.trim();
    const values = opener.dataset.include ? Object.fromEntries(new FormData(document.querySelector(opener.dataset.include))) : {};
    await window.htmx.ajax("GET", opener.getAttribute("href") || opener.dataset.href, { target: "#panel-body", swap: "innerHTML", source: opener, values });
    if (!panel.open) panel.showModal();
    panel.querySelector(".dialog-body input:not([type=hidden]), .dialog-body select, .dialog-body button")?.focus();
  }
  const closer = event.target.closest?.("[data-close-dialog]");
  if (closer) { event.preventDefault(); closer.closest("dialog").close(); }
  if (event.target.tagName === "DIALOG") event.target.close();
});
document.body.addEventListener("closeDialog", () => panel?.close());
document.body.addEventListener("changed", () => document.querySelectorAll("[data-refresh]").forEach((element) => window.htmx.trigger(element, "refresh")));

// --- The folded navigation, remembered here ------------------------------------------------------------------------------------------
const fold = (on) => document.documentElement.classList.toggle("folded", on);
try { fold(localStorage.getItem("folded") === "1"); } catch { /* storage may be closed to us */ }
document.querySelector("[data-fold]")?.addEventListener("click", () => {
  const on = !document.documentElement.classList.contains("folded");
  fold(on);
  try { localStorage.setItem("folded", on ? "1" : "0"); } catch { /* as above */ }
});

// --- What was typed is not lost by leaving ---------------------------------------------------------------------------------------------
let unsaved = false;
document.addEventListener("input", (event) => { if (event.target.closest("form[data-guard]")) unsaved = true; });
document.addEventListener("submit", () => { unsaved = false; });
window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });

// --- Double clicks send once ---------------------------------------------------------------------------------------------------------------
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.matches("[hx-post], [hx-patch], [hx-put], [hx-delete]")) return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "1";
  setTimeout(() => delete form.dataset.sent, 5000);
});
