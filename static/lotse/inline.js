// Edit in place.
//   <div class="fact" id data-edit="URL"><dt>…<dd><span class="value">…</span> <button class="button plain icon-only small edit">
//     A click on the value or the pencil loads the address into the fact's place. The answer is
//   .fact.editing with a form in it and data-cancel="URL of the fact" (with data-cancel-target="#facts": of what it is put into instead).
//     Enter saves (the form's own), Esc gives up by loading data-cancel; either way the focus returns to the pencil.
//   <form data-submit-on-change>: a choice in it is sent at once.
//   <form data-reset-on="event">: is emptied when the event comes (HX-Trigger).
const load = (url, target) => window.htmx.ajax("GET", url, { target, swap: "outerHTML", source: target });
let place = "", ends = false; // the fact that is edited, and whether that ends

document.addEventListener("click", (event) => {
  if (event.target.closest?.(".fact.editing button")) ends = true;
  const trigger = event.target.closest?.(".fact[data-edit] .value, .fact[data-edit] .edit");
  // A link is followed, and marking text to copy it is no wish to change it.
  if (!trigger || event.target.closest("a, details") || String(getSelection())) return;
  edit(trigger.closest(".fact"));
});

const changed = (field) => (field.options ? [...field.options].some((option) => option.selected !== option.defaultSelected) : field.value !== field.defaultValue || field.checked !== field.defaultChecked);
let closing = null; // the way back of the one that is being given up
const giveUp = (editing) => (closing = load(editing.dataset.cancel, document.querySelector(editing.dataset.cancelTarget || "#none") ?? editing));

/** One at a time: an open one that was not changed closes, one that was is pointed to. */
async function edit(fact) {
  const { id } = fact, { edit: address } = fact.dataset;
  await closing;
  const open = document.querySelector(".fact.editing[data-cancel]");
  if (open) {
    const field = [...open.querySelectorAll("input:not([type=hidden]), select, textarea")].find(changed);
    if (field) return field.focus();
    ends = false;
    await giveUp(open);
  }
  place = id;
  ends = false;
  load(address, (id && document.getElementById(id)) || document.querySelector(`.fact[data-edit="${CSS.escape(address)}"]`));
}
document.addEventListener("keydown", (event) => {
  const editing = event.target.closest?.("[data-cancel]");
  if (event.key !== "Escape" || !editing || event.defaultPrevented) return;
  event.preventDefault();
  event.stopPropagation();
  ends = true;
  giveUp(editing);
});
document.addEventListener("submit", (event) => { if (event.target.closest(".fact.editing")) ends = true; });
document.addEventListener("htmx:load", () => {
  const fact = document.getElementById(place);
  if (!ends || !fact?.matches("[data-edit]") || document.querySelector(".fact.editing")) return;
  ends = false;
  fact.querySelector(".edit")?.focus();
});

document.addEventListener("change", (event) => event.target.closest?.("form[data-submit-on-change]")?.requestSubmit());
function listen(root) {
  root.querySelectorAll("form[data-reset-on]").forEach((form) => {
    if ("listens" in form.dataset) return;
    form.dataset.listens = "";
    document.body.addEventListener(form.dataset.resetOn, () => form.reset());
  });
}
document.addEventListener("htmx:load", (event) => listen(event.detail.elt));
