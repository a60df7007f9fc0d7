// A searchable choice: [data-choose=URL] holds a hidden input (the id) and a text input. Typing asks URL?q=… for [{id, name, detail}];
// arrow keys and Enter choose, an emptied text chooses nothing. With data-choose-open it offers its first choices before anything is typed. What
// was chosen is told by the event "chosen" of the hidden input. Enter never chooses from what an earlier text has found: it waits for the answer.
const state = new WeakMap(), asking = new WeakSet(), entered = new WeakSet();

function close(box) {
  box.querySelector("[role=listbox]")?.remove();
  box.querySelector("[role=combobox]").setAttribute("aria-expanded", "false");
}

function pick(box, option) {
  box.querySelector("input[type=hidden]").value = option.dataset.id;
  box.querySelector("[role=combobox]").value = option.dataset.name;
  close(box);
  box.querySelector("input[type=hidden]").dispatchEvent(new Event("chosen", { bubbles: true }));
}

async function suggest(box, input) {
  const mine = (state.get(box) ?? 0) + 1;
  state.set(box, mine);
  asking.add(box);
  entered.delete(box);
  const answer = await fetch(`${box.dataset.choose}?q=${encodeURIComponent(input.value)}`, { headers: { "HX-Request": "true" } }).catch(() => null);
  const found = answer?.ok ? await answer.json().catch(() => null) : null;
  if (state.get(box) !== mine) return;
  asking.delete(box);
  close(box); // what an earlier text has found is no answer to this one
  if (!found) {
    entered.delete(box);
    document.body.dispatchEvent(answer?.status === 401 ? new CustomEvent("signedOut")
      : new CustomEvent("toast", { detail: { text: document.getElementById("toasts").dataset.offline, level: "error" } }));
    return;
  }
  const list = document.createElement("ul");
  list.setAttribute("role", "listbox");
  list.id = `${input.id}-choices`;
  found.forEach((item, place) => {
    const option = document.createElement("li");
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", String(place === 0));
    option.id = `${list.id}-${place}`;
    option.dataset.id = item.id;
    option.dataset.name = item.name;
    option.textContent = item.detail ? `${item.name} · ${item.detail}` : item.name;
    list.append(option);
  });
  if (!found.length) return;
  box.append(list);
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-expanded", "true");
  input.setAttribute("aria-activedescendant", `${list.id}-0`);
  if (entered.delete(box)) pick(box, list.firstElementChild);
}

function forget(box) {
  state.set(box, (state.get(box) ?? 0) + 1);
  asking.delete(box);
  entered.delete(box);
  close(box);
}

document.addEventListener("input", (event) => {
  const box = event.target.closest?.("[data-choose]");
  if (!box || event.target.type === "hidden") return;
  box.querySelector("input[type=hidden]").value = "";
  if (event.target.value.trim() || "chooseOpen" in box.dataset) suggest(box, event.target); else forget(box);
});
/** Offer the first choices where nothing is typed yet, by a click or the arrow down. */
function offer(event) {
  const input = event.target.closest?.("[data-choose-open] [role=combobox]"), box = input?.closest("[data-choose]");
  if (box && input.getAttribute("aria-expanded") !== "true") suggest(box, input);
}
document.addEventListener("click", offer);
document.addEventListener("keydown", (event) => {
  const box = event.target.closest?.("[data-choose]"), options = box ? [...box.querySelectorAll("[role=option]")] : [];
  if (!options.length && event.key === "ArrowDown") offer(event);
  if (box && event.key === "Enter" && asking.has(box)) {
    event.preventDefault();
    entered.add(box);
    return;
  }
  if (!options.length) return;
  const here = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const choose = (place) => options.forEach((option, index) => {
    option.setAttribute("aria-selected", String(index === place));
    if (index === place) { event.target.setAttribute("aria-activedescendant", option.id); option.scrollIntoView({ block: "nearest" }); }
  });
  if (event.key === "ArrowDown") { event.preventDefault(); choose((here + 1) % options.length); }
  if (event.key === "ArrowUp") { event.preventDefault(); choose((here - 1 + options.length) % options.length); }
  if (event.key === "Enter") { event.preventDefault(); pick(box, options[here]); }
  if (event.key === "Escape") { event.stopPropagation(); close(box); }
});
document.addEventListener("click", (event) => {
  const option = event.target.closest?.("[data-choose] [role=option]");
  if (option) pick(option.closest("[data-choose]"), option);
  else document.querySelectorAll("[data-choose] [role=listbox]").forEach((list) => { if (!list.closest("[data-choose]").contains(event.target)) close(list.closest("[data-choose]")); });
});
