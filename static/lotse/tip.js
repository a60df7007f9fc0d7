// Tooltips: [data-tooltip="text"], shown on hover after a moment and on keyboard focus at once, in the top layer, so that no scrolling
// box cuts them off. [data-tooltip-title] is a bold first line; a .pill has its own words there. Esc hides, the pointer may enter (WCAG 1.4.13).
const tip = Object.assign(document.createElement("div"), { id: "tip", role: "tooltip", popover: "manual" });
let owner = null, timer;

function show(element) {
  hide();
  const title = element.dataset.tooltipTitle ?? (element.matches(".pill") ? element.textContent.trim() : "");
  if (!element.dataset.tooltip || !element.isConnected || !tip.showPopover) return;
  owner = element;
  tip.replaceChildren();
  if (title) tip.append(Object.assign(document.createElement("b"), { textContent: title }));
  tip.append(element.dataset.tooltip);
  (element.closest("dialog") ?? document.body).append(tip);
  tip.showPopover();
  place();
  element.setAttribute("aria-describedby", "tip");
}

function place() {
  const box = owner.getBoundingClientRect();
  const below = box.bottom + 6, fits = below + tip.offsetHeight < innerHeight - 8;
  // Of choices beneath each other the next ones, and Cancel, stay in sight: it stands beside them where there is room, else above.
  const isChoice = owner.closest(".field-choice"), right = box.right + 6, isBeside = isChoice && right + tip.offsetWidth < innerWidth - 8;
  tip.style.setProperty("--x", `${isBeside ? right : Math.max(8, Math.min(box.left, innerWidth - 8 - tip.offsetWidth))}px`);
  tip.style.setProperty("--y", `${isBeside ? Math.min(box.top, innerHeight - 8 - tip.offsetHeight) : fits && !isChoice ? below : box.top - 6 - tip.offsetHeight}px`);
}

function hide() {
  clearTimeout(timer);
  if (!owner) return;
  owner.removeAttribute("aria-describedby");
  owner = null;
  if (tip.isConnected) tip.hidePopover();
}

document.addEventListener("pointerover", (event) => {
  const element = event.target.closest?.("[data-tooltip]");
  clearTimeout(timer);
  if (event.pointerType === "touch" || event.target.closest?.("#tip") || (element && element === owner)) return;
  timer = element ? setTimeout(show, 250, element) : setTimeout(hide, 120);
});
document.addEventListener("focusin", (event) => { if (event.target.matches("[data-tooltip]:focus-visible")) show(event.target); else hide(); });
document.addEventListener("click", (event) => {
  const element = event.target.closest?.("[data-tooltip]");
  if (element && element !== owner && matchMedia("(hover: none)").matches) show(element); else if (!element) hide();
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
document.addEventListener("scroll", () => { if (owner) place(); }, { capture: true, passive: true });
// What is put in the place of something else takes its tooltip along; a swap elsewhere on the page leaves it.
document.addEventListener("htmx:beforeSwap", ({ detail }) => { if (owner && detail.target?.contains(owner)) hide(); });
