// Edit in place: .fact[data-edit] holds the address of its small form; a click on its value, or its pencil, loads the form into the fact's
// place. Enter saves (the form's own), Esc gives up by loading data-cancel. Selects in [data-submit-on-change] save at once.
document.addEventListener("click", (event) => {
  const trigger = event.target.closest?.(".fact[data-edit] .value, .fact[data-edit] .edit");
  if (!trigger || event.target.closest("a")) return;
  const fact = trigger.closest(".fact");
  window.htmx.ajax("GET", fact.dataset.edit, { target: fact, swap: "outerHTML" });
});
document.addEventListener("htmx:load", (event) => {
  const field = event.detail.elt.querySelector?.("[data-focus], [autofocus]");
  if (field) { field.focus(); field.select?.(); }
});
document.addEventListener("keydown", (event) => {
  const editing = event.target.closest?.("[data-cancel]");
  if (event.key === "Escape" && editing) { event.stopPropagation(); window.htmx.ajax("GET", editing.dataset.cancel, { target: editing, swap: "outerHTML" }); }
});
document.addEventListener("change", (event) => {
  const form = event.target.closest?.("form[data-submit-on-change]");
  if (form) form.requestSubmit();
});
