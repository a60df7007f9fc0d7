// The command palette ("/" or Ctrl-K): asks the search page for its fragment while one types; arrow keys choose, Enter opens.
// The fragment holds elements with role=option and an href (<a role=option href>), grouped under .head lines.
const dialog = document.getElementById("palette"), input = dialog?.querySelector("input"), box = document.getElementById("palette-results");
let timer, asked = 0;

const options = () => [...box.querySelectorAll("[role=option]")];
function choose(index) {
  const all = options();
  all.forEach((option, place) => { option.id ||= `option-${place}`; option.setAttribute("aria-selected", String(place === index)); });
  if (all[index]) { input.setAttribute("aria-activedescendant", all[index].id); all[index].scrollIntoView({ block: "nearest" }); }
}
const chosen = () => options().findIndex((option) => option.getAttribute("aria-selected") === "true");

async function ask() {
  const mine = ++asked;
  const answer = await fetch(`${input.dataset.url}?q=${encodeURIComponent(input.value)}`, { headers: { "HX-Request": "true", "X-Palette": "1" } });
  if (mine !== asked || !answer.ok) return; // an older answer that came late
  box.innerHTML = await answer.text();
  choose(0);
}

function open() {
  if (dialog.open) return;
  dialog.showModal();
  input.value = "";
  ask();
}

if (dialog) {
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 120); });
  input.addEventListener("keydown", (event) => {
    const count = options().length;
    if (event.key === "ArrowDown" && count) { event.preventDefault(); choose((chosen() + 1) % count); }
    if (event.key === "ArrowUp" && count) { event.preventDefault(); choose((chosen() - 1 + count) % count); }
    if (event.key === "Enter") { event.preventDefault(); options()[chosen()]?.click(); }
  });
  document.querySelector("[data-palette]")?.addEventListener("click", (event) => { event.preventDefault(); open(); });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input:not([type=checkbox]), select, textarea");
    if ((event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !typing && !event.ctrlKey)) { event.preventDefault(); open(); }
  });
}
