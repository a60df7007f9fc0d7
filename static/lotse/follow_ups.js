// Follow-ups. What it listens to:
//   [data-day]         the page My day: in its current row Space ticks off (as x does, keys.js) and p opens the menu to postpone. When the row has
//                      gone or went to another part, the one in its place is the current one: so one goes through the day by x, x, p …
//   [data-timeline]    the timeline of a card: when it loads itself again it asks for as much as it had (n) of what it showed (button[data-show])
//   .note-line         Enter in its textarea saves, Shift-Enter begins a new line
const TYPING = "input:not([type=checkbox], [type=radio]), select, textarea, button, summary, [contenteditable]";
const partOf = (row) => row.closest("section")?.getAttribute("aria-labelledby");
const rowsOf = (day) => [...day.querySelectorAll("[data-row]")];

document.addEventListener("keydown", (event) => {
  const row = document.querySelector("[data-day] [data-row].current");
  if (!row || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
  if (event.target.closest?.(`${TYPING}, details[data-menu][open]`) || document.querySelector("dialog[open]")) return;
  if (event.key === " " && !event.target.matches("input")) row.querySelector("input[name=ids]")?.click();
  else if (event.key === "p") postpone(row);
  else return;
  event.preventDefault();
});

function postpone(row) {
  row.querySelector("details[data-menu] > summary")?.click();
  row.querySelector("details[data-menu] .item")?.focus();
}

let left = null; // the current row before a refresh: its id, its part, its place, and whether the focus was in it
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const day = detail.target?.closest?.("[data-day]");
  if (!day) return;
  const row = day.querySelector("[data-row].current");
  left = row && { id: row.dataset.id, part: partOf(row), place: rowsOf(day).indexOf(row), focused: row.contains(document.activeElement) || document.activeElement === document.body };
});
document.addEventListener("htmx:load", ({ detail }) => {
  if (!left || !detail.elt.matches?.("[data-day]")) return;
  const rows = rowsOf(detail.elt), row = rows.find((one) => one.dataset.id === left.id && partOf(one) === left.part) ?? rows[Math.min(left.place, rows.length - 1)];
  row?.classList.add("current");
  if (left.focused) row?.querySelector("a.name")?.focus({ preventScroll: true });
  left = null;
});

document.addEventListener("htmx:configRequest", ({ detail }) => {
  const timeline = detail.elt;
  if (!timeline.matches?.("[data-timeline]")) return;
  const shown = timeline.querySelectorAll(".timeline > li").length;
  if (shown) detail.parameters.n = shown;
  const show = timeline.querySelector("[data-show][aria-pressed=true]")?.dataset.show;
  if (show) detail.parameters.show = show;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || !event.target.matches?.(".note-line textarea")) return;
  event.preventDefault();
  event.target.form.requestSubmit();
});
