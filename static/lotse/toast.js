// One line at the bottom right: what happened, with Undo where there is something to undo. It stays 8 s and while one is at it; an
// error stays until it is read. The last undo is kept for the key "u".
let lastUndo = null;
export const undoLast = () => lastUndo?.click();

export function toast({ text, undo_url, level = "ok", link }) {
  const box = document.getElementById("toasts"), words = box.dataset, line = document.createElement("div");
  line.className = `toast-line ${level}`;
  if (level === "error") line.setAttribute("role", "alert");
  const what = document.createElement("span");
  what.textContent = text;
  line.append(what);
  if (link) {
    const anchor = document.createElement("a");
    anchor.href = link.url ?? link;
    anchor.textContent = link.text ?? words.show;
    line.append(anchor);
  }
  if (undo_url) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link";
    button.textContent = words.undo;
    button.addEventListener("click", () => { line.remove(); lastUndo = null; window.htmx.ajax("POST", undo_url, { swap: "none" }); }, { once: true });
    line.append(button);
    lastUndo = button;
  }
  const close = document.createElement("button");
  close.type = "button";
  close.className = "link";
  close.textContent = "×";
  close.setAttribute("aria-label", words.close);
  close.addEventListener("click", () => line.remove());
  line.append(close);
  box.append(line);
  if (level === "error") return;
  let timer;
  const later = () => { timer = setTimeout(() => line.remove(), 8000); }, stop = () => clearTimeout(timer);
  line.addEventListener("mouseenter", stop);
  line.addEventListener("focusin", stop);
  line.addEventListener("mouseleave", later);
  line.addEventListener("focusout", later);
  later();
}
