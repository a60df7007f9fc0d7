// The command palette ("/", Ctrl-K, or a click on [data-palette]): asks data-url for its options while one types (the search page answers
// X-Palette with elements role=option that have an href, grouped under .head lines). Arrow keys choose, Enter opens, Ctrl-Enter in a new tab.
const dialog = document.getElementById("palette");
const input = dialog?.querySelector("input[type=search]");
const box = document.getElementById("palette-results");
let timer, asked;

const options = () => [...box.querySelectorAll("[role=option]")];
const chosen = () => options().findIndex((option) => option.getAttribute("aria-selected") === "true");

function choose(index) {
  const all = options();
  all.forEach((option, place) => {
    option.id ||= `option-${place}`;
    option.tabIndex = -1;
    option.setAttribute("aria-selected", String(place === index));
  });
  if (all[index]) {
    input.setAttribute("aria-activedescendant", all[index].id);
    all[index].scrollIntoView({ block: "nearest" });
  } else {
    input.removeAttribute("aria-activedescendant");
  }
}

async function ask() {
  asked?.abort();
  asked = new AbortController();
  const url = `${input.dataset.url}?q=${encodeURIComponent(input.value)}`;
  try {
    const answer = await fetch(url, { headers: { "HX-Request": "true", "X-Palette": "1" }, signal: asked.signal });
    if (answer.status === 401) return document.body.dispatchEvent(new CustomEvent("signedOut"));
    if (!answer.ok) throw new Error(answer.status);
    box.innerHTML = await answer.text();
    choose(0);
  } catch (error) {
    if (error.name === "AbortError") return; // a newer question is on its way
    box.replaceChildren();
    document.body.dispatchEvent(new CustomEvent("toast", { detail: { text: document.getElementById("toasts").dataset.offline, level: "error" } }));
  }
}

function open() {
  if (document.querySelector("dialog[open]")) return;
  dialog.showModal();
  input.value = "";
  input.focus();
  ask();
}

const KEYS = {
  ArrowDown: (here, count) => (here + 1) % count,
  ArrowUp: (here, count) => (here - 1 + count) % count,
  PageDown: (here, count) => Math.min(count - 1, here + 6),
  PageUp: (here) => Math.max(0, here - 6),
};

if (dialog) {
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 120);
  });
  input.addEventListener("keydown", (event) => {
    const all = options();
    if (KEYS[event.key] && all.length) {
      event.preventDefault();
      choose(KEYS[event.key](chosen(), all.length));
    }
    if (event.key === "Escape") {
      event.preventDefault(); // a search field would only empty itself
      dialog.close();
    }
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    const option = all[chosen()];
    if (option && (event.ctrlKey || event.metaKey)) window.open(option.href); else option?.click();
  });
  document.addEventListener("click", (event) => {
    const opener = event.target.closest?.("[data-palette]");
    if (!opener || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable]");
    const command = event.key === "k" && (event.ctrlKey || event.metaKey);
    const slash = event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!command && !slash) return;
    event.preventDefault();
    open();
  });
}
