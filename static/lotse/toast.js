// Messages at the bottom right: what happened, with Undo where there is something to undo. One stays 8 s and while one is at it; an
// error stays until it is closed. Listens to
//   event "toast" on the body, detail {text, undo_url, level, link, until, restore}; sent by HX-Trigger or by our own scripts.
//         level: "ok", "warning" or "error"; link: an address, or {url, text}; until: the event on the body with which it is over;
//         restore: {url, ids}, what brings back a record that was deleted
//   <span data-message data-level data-undo-url> in #toasts: messages the server rendered with the page
//   event "undoLast" on the body: the same as pressing the newest Undo, also after its message went (key "u")
// #toasts carries its words as data attributes and the icons as <template data-icon="ok|warning|error|close">.
const box = document.getElementById("toasts");
const words = box.dataset;
const STAYS = 8000;
let lastUndo = "";

function icon(name) {
  return box.querySelector(`template[data-icon="${name}"]`).content.cloneNode(true);
}

function undo(url) {
  if (url === lastUndo) lastUndo = "";
  [...box.children].filter((line) => line.dataset.undone === url).forEach((line) => line.remove());
  window.htmx.ajax("POST", url, { target: "body", swap: "none" });
}

/** An open dialog makes all around it inert: its messages stand inside it, and leave with it. */
function settle() {
  const home = [...document.querySelectorAll("dialog:modal")].pop() ?? document.body;
  if (box.parentElement !== home) home.append(box);
}

function button(label, action) {
  const element = document.createElement("button");
  element.type = "button";
  element.addEventListener("click", action);
  element.append(label);
  return element;
}

function show({ text, undo_url, level = "ok", link, until, restore }) {
  settle();
  const line = document.createElement("div");
  const error = level.includes("error"), kind = error ? "error" : level === "warning" ? "warning" : "ok";
  line.className = `toast-line ${kind}`;
  if (error) line.setAttribute("role", "alert");
  const sentence = document.createElement("span");
  sentence.textContent = text;
  line.append(icon(kind), sentence);
  if (link) {
    const anchor = document.createElement("a");
    anchor.href = link.url ?? link;
    anchor.textContent = link.text ?? words.show;
    if (link.tab) anchor.target = "_blank";
    line.append(anchor);
  }
  if (undo_url) {
    lastUndo = undo_url;
    line.dataset.undone = undo_url;
    const again = button(words.undo, () => undo(undo_url));
    again.className = "link";
    line.append(again);
  }
  if (restore) {
    const back = button(words.restore, () => {
      line.remove();
      window.htmx.ajax("POST", restore.url, { target: "body", swap: "none", values: { ids: restore.ids } });
    });
    back.className = "link";
    line.append(back);
  }
  const close = button(icon("close"), () => line.remove());
  close.className = "button plain small icon-only";
  close.setAttribute("aria-label", words.close);
  line.append(close);
  // The same error twice is one message.
  if (error) [...box.querySelectorAll(".toast-line.error")].filter((other) => other.textContent === line.textContent).forEach((other) => other.remove());
  box.append(line);
  if (until) document.body.addEventListener(until, () => line.remove(), { once: true });
  if (error) return;
  goLater(line);
  // Three at most: the newest matter.
  [...box.querySelectorAll(".toast-line:not(.error)")].slice(0, -3).forEach((older) => older.remove());
}

function goLater(line) {
  let timer;
  const stay = () => clearTimeout(timer);
  const go = () => {
    stay();
    timer = setTimeout(() => line.remove(), STAYS);
  };
  line.addEventListener("pointerenter", stay);
  line.addEventListener("focusin", stay);
  line.addEventListener("pointerleave", go);
  line.addEventListener("focusout", go);
  go();
}

document.body.addEventListener("toast", (event) => show(event.detail));
document.body.addEventListener("undoLast", () => { if (lastUndo) undo(lastUndo); });
document.addEventListener("close", settle, true);
box.querySelectorAll("[data-message]").forEach((element) => {
  show({ text: element.dataset.message, level: element.dataset.level, undo_url: element.dataset.undoUrl });
  element.remove();
});
