// Copying by one click: <button data-copy="text" data-copied="what is said then">, and event "copyText" (HX-Trigger) {text}.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without HTTPS, or where the browser asks for a click: the old way.
    const field = Object.assign(document.createElement("textarea"), { value: text, readOnly: true, className: "visually-hidden" });
    const before = document.activeElement;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    before?.focus?.();
    return done;
  }
  return true;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  event.preventDefault();
  if (await copy(button.dataset.copy)) document.body.dispatchEvent(new CustomEvent("toast", { detail: { text: button.dataset.copied, level: "ok" } }));
});
document.body.addEventListener("copyText", ({ detail }) => copy(detail.text));
