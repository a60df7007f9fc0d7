// Edit in place.
//   <div class="fact" id data-edit="URL"><dt>…<dd><span class="value">…</span> <button class="button plain icon-only small edit">
//     A click on the value or the pencil loads the address into the fact's place. The answer is
//   <div class="fact editing" id data-cancel="URL of the fact"><dt>…<dd><form hx-post hx-target="closest .fact" hx-swap="outerHTML">
//     Its field has [autofocus]. Enter saves (the form's own), Esc gives up by loading data-cancel.
//   <form data-submit-on-change>: a choice in it is sent at once.
let left = ""; // the fact whose editing ends
const load = (url, target) => window.htmx.ajax("GET", url, { target, swap: "outerHTML", source: target });

document.addEventListener("click", (event) => {
  const trigger = event.target.closest?.(".fact[data-edit] .value, .fact[data-edit] .edit");
  // A link is followed, and marking text to copy it is no wish to change it.
  if (!trigger || event.target.closest("a, details") || String(getSelection())) return;
  const fact = trigger.closest(".fact");
  load(fact.dataset.edit, fact);
});
document.addEventListener("keydown", (event) => {
  const editing = event.target.closest?.("[data-cancel]");
  if (event.key !== "Escape" || !editing || event.defaultPrevented) return;
  event.preventDefault();
  event.stopPropagation();
  left = editing.id;
  load(editing.dataset.cancel, editing);
});
document.addEventListener("submit", (event) => { left = event.target.closest(".fact.editing")?.id ?? ""; });
// Saved or given up, the focus is where it was: at the fact's pencil.
document.addEventListener("htmx:load", ({ detail: { elt: fact } }) => {
  if (!left || fact.id !== left || !fact.matches("[data-edit]")) return;
  left = "";
  fact.querySelector(".edit")?.focus();
});
document.addEventListener("change", (event) => event.target.closest?.("form[data-submit-on-change]")?.requestSubmit());
