// The page's small behaviours. What each part listens to:
//   menus     <details class="menu" data-menu><summary>…<div class="panel">: one open at a time, opens in the top layer, on a phone from the
//             bottom edge; arrow keys move, Esc and a click elsewhere close, choosing an .item closes unless it has data-keep-open
//   dialogs   <a data-dialog="Title" href> (or a button with data-href) loads its address into <dialog id="panel">; data-small: as a small
//             question, at the opener where that is in a toolbar, a head or the action bar, else in the middle; data-include="selector of a form": its fields go along, by POST with data-method="POST".
//             data-close-dialog closes;
//             event "closeDialog" (HX-Trigger) closes, "openDialog" {url, title, small} opens
//   refresh   event "changed" (HX-Trigger): every [data-refresh] gets the event "refresh" (hx-trigger="refresh"), unless somebody types in it
//   waiting   a thin bar after 300 ms; what is already on its way is not sent twice
//   failures  no answer, 401, 4xx, 5xx: a message that stays; the form is left as it is. Signed in anew in another tab, what is sent from here is
//             taken all the same; if it was somebody else, that is said instead
//   guard     <form data-guard>, and any form in a dialog that writes: leaving with unsaved text asks first
//   tabs      <nav class="tabs"> of a card: the section that comes stands where the one before stood, and by keys the tab has the focus
//   focus     (kept by focus.js) of what htmx brings in, the first wrong field, or [autofocus], [data-focus], or the first field in [data-focus-first]
const send = (name, detail) => document.body.dispatchEvent(new CustomEvent(name, { detail }));
const words = document.getElementById("toasts").dataset;

// --- Menus ---------------------------------------------------------------------------------------------------------------------
const openMenus = () => [...document.querySelectorAll("details[data-menu][open]")];
const panelOf = (menu) => menu.querySelector(":scope > .panel");

function place(menu) {
  const panel = panelOf(menu), from = menu.getBoundingClientRect(), edge = 8;
  const { offsetWidth: width, offsetHeight: height } = panel;
  const left = menu.classList.contains("left") ? from.left : from.right - width;
  const below = from.bottom + 4, above = from.top - 4 - height;
  const top = below + height > innerHeight - edge && above > edge ? above : Math.min(below, Math.max(edge, innerHeight - edge - height));
  panel.style.setProperty("--x", `${Math.max(edge, Math.min(left, innerWidth - edge - width))}px`);
  panel.style.setProperty("--y", `${top}px`);
}

function openMenu(menu) {
  openMenus().forEach((other) => { if (!other.contains(menu)) closeMenu(other); });
  menu.open = true;
  const panel = panelOf(menu);
  if (!panel?.showPopover) return;
  panel.popover = "manual";
  const summary = menu.querySelector("summary");
  // Where it comes up as a sheet it has a heading: what the button is called, not the value it shows.
  const called = summary.dataset.heading || summary.ariaLabel || summary.title || (summary.querySelector(".visually-hidden") ?? summary).textContent;
  panel.dataset.title = called.trim().replace(/:$/, "");
  panel.showPopover();
  place(menu);
}

function closeMenu(menu, focus = false) {
  if (focus) menu.querySelector("summary").focus();
  menu.open = false;
}

document.addEventListener("click", (event) => {
  const summary = event.target.closest?.("details[data-menu] > summary");
  const chosen = event.target.closest?.(".item:not([data-keep-open])")?.closest("details[data-menu]");
  openMenus().forEach((menu) => { if (!menu.contains(event.target)) closeMenu(menu); });
  // After the click has done its work: a form's button must still be there to send the form.
  if (chosen) setTimeout(() => closeMenu(chosen, chosen.contains(document.activeElement)));
  if (!summary) return;
  event.preventDefault();
  const menu = summary.parentElement;
  if (menu.open) closeMenu(menu); else openMenu(menu);
});
document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!menu.matches?.("details[data-menu]")) return;
  if (!menu.open && panelOf(menu)?.matches(":popover-open")) panelOf(menu).hidePopover();
}, true);
document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details[data-menu]");
  if (!menu) return;
  if (event.key === "Escape" && menu.open) {
    closeMenu(menu, true);
    event.preventDefault();
    event.stopPropagation();
    return;
  }
  if (!["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key) || event.target.matches("input:not([type=checkbox], [type=radio]), select, textarea")) return;
  const onButton = event.target.matches("summary");
  if (!menu.open && onButton && event.key.startsWith("Arrow")) openMenu(menu);
  const items = [...menu.querySelectorAll(".panel .item:not(:disabled), .panel label.item input")].filter((item) => item.checkVisibility());
  if (!menu.open || !items.length) return;
  event.preventDefault();
  const here = items.indexOf(document.activeElement), end = items.length - 1;
  const next = { ArrowDown: here < end ? here + 1 : 0, ArrowUp: here > 0 ? here - 1 : end, Home: 0, End: end }[event.key];
  items[next].focus();
});
const replaceMenus = () => openMenus().forEach((menu) => { if (panelOf(menu)?.matches(":popover-open")) place(menu); });
addEventListener("resize", replaceMenus);
document.addEventListener("scroll", (event) => { if (!event.target.closest?.(".panel")) replaceMenus(); }, { capture: true, passive: true });

// --- Dialogs -------------------------------------------------------------------------------------------------------------------
const panel = document.getElementById("panel"), body = document.getElementById("panel-body");
const dirty = new Set();
let warned = 0;

async function openDialog(opener) {
  const title = opener.dataset.dialog || opener.textContent.trim(), small = "small" in opener.dataset;
  const values = opener.dataset.include ? Object.fromEntries(groups(new FormData(document.querySelector(opener.dataset.include)))) : {};
  await renewing;
  let came = false;
  const swapped = () => { came = true; };
  body.addEventListener("htmx:afterSwap", swapped);
  await window.htmx.ajax(opener.dataset.method ?? "GET", opener.getAttribute("href") || opener.dataset.href, { target: body, swap: "innerHTML", source: panel, values });
  body.removeEventListener("htmx:afterSwap", swapped);
  if (!came) return; // it failed, and a message says so
  document.getElementById("panel-title").textContent = title;
  panel.classList.toggle("small", small);
  // Closing gives the focus back to where it was: the menu's button, if the opener was in a menu that has closed.
  if (!panel.open) {
    (opener.closest("details[data-menu]")?.querySelector("summary") ?? opener).focus();
    panel.showModal();
    anchor = small ? opener.closest(".toolbar .chip, .action-bar > *, thead th") : null;
    panel.classList.toggle("anchored", Boolean(anchor));
  }
  settle();
  (body.querySelector("[autofocus], [data-focus]") ?? body.querySelector("input:not([type=hidden]), select, textarea, button"))?.focus();
}

/** An anchored dialog stands below its opener, or above it where there is more room. */
let anchor = null;
function settle() {
  if (!anchor?.isConnected || !panel.open) return;
  const from = anchor.getBoundingClientRect(), edge = 8;
  const below = innerHeight - from.bottom, upwards = below < panel.scrollHeight + 2 * edge && from.top > below;
  panel.style.setProperty("--x", `${Math.max(edge, Math.min(from.left, document.documentElement.clientWidth - edge - panel.offsetWidth))}px`);
  panel.style.setProperty("--y", upwards ? "auto" : `${from.bottom + 6}px`);
  panel.style.setProperty("--b", upwards ? `${innerHeight - from.top + 6}px` : "auto");
  panel.style.setProperty("--room", `${(upwards ? from.top : below) - 6 - edge}px`);
}
addEventListener("resize", settle);

/** Fields of one name, together: a form may have many ticked rows. */
function groups(data) {
  return new Map([...data.keys()].map((key) => [key, data.getAll(key).length > 1 ? data.getAll(key) : data.get(key)]));
}

/** Close, but not by a slip on unsaved text: the second time within five seconds it goes. */
function closeGently(dialog) {
  const unsaved = [...dirty].some((form) => form.isConnected && dialog.contains(form));
  if (!unsaved || Date.now() - warned < 5000) return dialog.close();
  warned = Date.now();
  send("toast", { text: words.unsaved, level: "warning" });
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-dialog]");
  if (opener && panel && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    openDialog(opener);
  }
  const closer = event.target.closest?.("[data-close-dialog]");
  if (closer) {
    event.preventDefault();
    closer.closest("dialog").close();
  }
});
// A click that begins and ends beside the dialog closes it; marking text that ends there does not.
let beside = null;
document.addEventListener("pointerdown", (event) => { beside = event.target.matches?.("dialog") ? event.target : null; });
document.addEventListener("click", (event) => { if (beside && event.target === beside) closeGently(beside); });
document.addEventListener("cancel", (event) => {
  if (event.target !== panel) return;
  event.preventDefault();
  closeGently(panel);
}, true);
panel?.addEventListener("close", () => {
  body.replaceChildren();
  panel.classList.remove("anchored");
  anchor = null;
  warned = 0;
});
document.body.addEventListener("closeDialog", () => panel?.close());
document.body.addEventListener("openDialog", ({ detail: { url, title, small } }) => {
  if (!panel || panel.open) return; // what is asked waits under the bell
  const opener = Object.assign(document.createElement("button"), { textContent: title });
  Object.assign(opener.dataset, { dialog: title, href: url }, small ? { small: "" } : {});
  const before = document.activeElement;
  openDialog(opener).then(() => panel.addEventListener("close", () => before?.focus?.(), { once: true }));
});
// Where somebody is typing nothing is put in its place.
const inUse = (element) => element.querySelector(".fact.editing") || [...dirty].some((form) => form.isConnected && element.contains(form));
document.body.addEventListener("changed", (event) => {
  event.target.closest?.(".fact.editing")?.toggleAttribute("data-saved", true);
  // What changed by a form's own answer may take its place.
  const free = (element) => !inUse(element) || (event.target !== document.body && element.contains(event.target));
  document.querySelectorAll("[data-refresh]").forEach((element) => { if (free(element)) window.htmx.trigger(element, "refresh"); });
});

// A menu that is open stays under the hand: what came anew waits until it is closed.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { target, requestConfig } = detail, menu = requestConfig?.triggeringEvent?.type === "refresh" && target.querySelector("details[data-menu][open]");
  if (!menu) return;
  detail.shouldSwap = false;
  menu.addEventListener("toggle", () => window.htmx.trigger(target, "refresh"), { once: true });
});

// So does a fact that is being edited while something else on its card is changed: it stands among those that came anew.
document.addEventListener("htmx:beforeSwap", ({ detail: { target, requestConfig, shouldSwap } }) => {
  const editing = shouldSwap && requestConfig?.triggeringEvent?.type === "refresh" && target.querySelector(".fact.editing:not([data-saved])");
  if (!editing) return;
  editing.remove();
  document.addEventListener("htmx:afterSettle", () => {
    const place = document.getElementById(editing.id);
    if (place) place.replaceWith(editing); else document.querySelector(".facts-list")?.append(editing);
  }, { once: true });
});

// What is typed into criteria while the choice of another condition is on its way goes on in the editor that comes.
document.addEventListener("htmx:beforeSwap", ({ detail: { target, requestConfig, shouldSwap } }) => {
  if (!shouldSwap || !target.matches?.("[data-criteria]") || !`${requestConfig?.parameters.do}`.startsWith("shape:")) return;
  const field = document.activeElement, { id, name, value, selectionEnd } = field;
  if (!id || !target.contains(field) || !field.matches("input[type=text]") || requestConfig.elt === field) return;
  document.addEventListener("htmx:afterSettle", () => {
    const fresh = document.getElementById(id);
    if (!fresh || fresh.name !== name) return;
    const differs = fresh.value !== value;
    fresh.value = value;
    fresh.focus();
    fresh.setSelectionRange(selectionEnd, selectionEnd);
    if (differs) fresh.dispatchEvent(new Event("input", { bubbles: true }));
  }, { once: true });
});

// --- Waiting: a thin bar, after 300 ms only --------------------------------------------------------------------------------------
let waiting = 0, timer = null;
document.body.addEventListener("htmx:beforeSend", () => {
  if (!waiting++) timer = setTimeout(() => document.documentElement.classList.add("loading-now"), 300);
});
document.body.addEventListener("htmx:afterRequest", () => {
  waiting = Math.max(0, waiting - 1);
  if (waiting) return;
  clearTimeout(timer);
  document.documentElement.classList.remove("loading-now");
});

// What is on its way is not sent again by a double click: neither htmx's requests nor plain forms.
const WRITES = "[hx-post], [hx-put], [hx-patch], [hx-delete]";
function once(event) {
  const element = event.target.closest?.(WRITES);
  const busy = element?.classList.contains("htmx-request") && element.matches(event.type === "submit" ? "form" : "a, button");
  if (!busy) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}
document.addEventListener("click", once, true);
document.addEventListener("submit", once, true);
document.addEventListener("submit", (event) => {
  const form = event.target, { sent } = form.dataset;
  if (event.defaultPrevented || form.method !== "post" || form.matches(WRITES) || event.submitter?.matches(WRITES)) return;
  form.dataset.sent = "";
  if (sent === "may go") return;
  if (sent === undefined && !(words.user && form.matches(GUARDED))) return;
  event.preventDefault();
  if (sent === undefined) sendIfTaken(form, event.submitter);
});
/** Send a plain form once it is known that it will be taken: what was typed would be lost with its page, if a session has ended meanwhile. */
async function sendIfTaken(form, submitter) {
  const taken = await renew();
  delete form.dataset.sent;
  if (!taken) return tell(words.offline);
  form.dataset.sent = "may go";
  form.requestSubmit(submitter);
}
// Back shows the page as it was left: what may have changed meanwhile is asked for anew.
addEventListener("pageshow", (event) => {
  document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
  if (event.persisted) send("changed");
});

// --- Failures: a message that stays, and nothing typed is lost ---------------------------------------------------------------------
let signedOut = false, other = ""; // other: the name of who else has signed in in this browser meanwhile
document.body.addEventListener("signedOut", () => {
  signedOut = true;
  send("toast", { text: words.signedOut, level: "error", link: { url: words.login, text: words.signIn, tab: true }, until: "signedIn" });
});
/** Say why something was not sent: nobody is signed in, or somebody else, or else this. */
function tell(text) {
  if (signedOut) send("signedOut");
  else send("toast", other ? { text: words.other.replace("{name}", other), level: "error", until: "signedIn" } : { text, level: "error" });
}
document.body.addEventListener("htmx:sendError", () => send("toast", { text: words.offline, level: "error" }));
document.body.addEventListener("htmx:timeout", () => send("toast", { text: words.offline, level: "error" }));
document.body.addEventListener("htmx:responseError", ({ detail: { xhr } }) => {
  if (xhr.status === 401) return send("signedOut");
  if (refused(xhr)) return tell(words.failed);
  // The server's own words come as an event; without them we have ours.
  if (!xhr.getResponseHeader("HX-Trigger")?.includes('"toast"')) send("toast", { text: words.failed, level: "error" });
});

/** Signing in makes a new token; the page that stayed open takes it over, if it is the same user, so that what was typed can be sent. */
let renewing = null;
const renew = () => (renewing ??= takeOver().finally(() => { renewing = null; }));
async function takeOver() {
  const answer = await fetch(words.signedInAs, { headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(10_000) }).catch(() => null);
  if (answer?.status === 401) signedOut = true;
  if (!answer?.ok || answer.redirected) return false;
  const { user, name, token } = await answer.json();
  signedOut = false;
  other = user === words.user ? "" : name;
  if (other) return false;
  document.querySelector("meta[name=csrf-token]").content = token;
  document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRFToken": token }));
  document.querySelectorAll("input[name=csrfmiddlewaretoken]").forEach((input) => { input.value = token; });
  send("signedIn");
  return true;
}
// Who is quicker than that waits for it: with the old token it would be refused.
document.body.addEventListener("htmx:confirm", (event) => {
  if (!renewing) return;
  event.preventDefault();
  renewing.then(() => event.detail.issueRequest());
});
addEventListener("focus", () => { if (signedOut || other) renew(); });

// What was refused for its old token is sent once more with the new one; htmx, and who waits for the answer, see that of the second alone.
const refused = (xhr) => xhr.status === 403 && xhr.getResponseHeader("Lotse-Refused") === "token";
document.body.addEventListener("htmx:beforeSend", ({ detail: { xhr, requestConfig, pathInfo } }) => {
  const answered = xhr.onload;
  let content;
  xhr.send = (given) => {
    content = given;
    XMLHttpRequest.prototype.send.call(xhr, given);
  };
  xhr.onload = async () => {
    if (!refused(xhr) || !(await renew())) return answered();
    const token = document.querySelector("meta[name=csrf-token]").content;
    const isText = typeof content === "string", values = isText ? new URLSearchParams(content) : content;
    if (values?.has("csrfmiddlewaretoken")) values.set("csrfmiddlewaretoken", token);
    xhr.onload = answered;
    xhr.open(requestConfig.verb.toUpperCase(), pathInfo.finalRequestPath);
    const headers = { ...requestConfig.headers, ...(isText ? { "Content-Type": "application/x-www-form-urlencoded" } : {}), "X-CSRFToken": token };
    Object.entries(headers).forEach(([name, value]) => { if (value !== null) xhr.setRequestHeader(name, value); });
    XMLHttpRequest.prototype.send.call(xhr, isText ? values.toString() : values);
  };
});

// --- What is wrong is said at the field, in the user's language: the server's answer does that, not the browser's bubble ------------------------------
const speakForOurselves = (root) => root.querySelectorAll?.("form:not([novalidate])").forEach((form) => { form.noValidate = true; });
speakForOurselves(document);
document.addEventListener("htmx:load", (event) => {
  speakForOurselves(event.detail.elt);
  if (event.detail.elt.matches?.("form")) event.detail.elt.noValidate = true;
});
// Half a date would be sent as none.
document.addEventListener("submit", (event) => {
  const half = [...event.target.elements].find((field) => field.validity?.badInput);
  if (!half) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  half.reportValidity();
}, true);

// --- What was typed is not lost by leaving -------------------------------------------------------------------------------------------
const GUARDED = "form[data-guard], dialog#panel form[hx-post], dialog#panel form[method=post]";
document.addEventListener("input", (event) => {
  const form = event.target.closest?.(GUARDED);
  if (form) dirty.add(form);
});
document.addEventListener("submit", (event) => { if (!event.defaultPrevented || event.target.matches(WRITES)) dirty.delete(event.target); });
document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!detail.successful && detail.elt.matches?.(GUARDED)) dirty.add(detail.elt);
});
addEventListener("beforeunload", (event) => { if ([...dirty].some((form) => form.isConnected)) event.preventDefault(); });

// --- Focus ------------------------------------------------------------------------------------------------------------------------------
document.addEventListener("htmx:load", (event) => {
  // A form that came back refused still holds what was typed.
  event.detail.elt.querySelectorAll?.("[aria-invalid=true]").forEach((field) => { if (field.form?.matches(GUARDED)) dirty.add(field.form); });
  const field = event.detail.elt.querySelector?.("[aria-invalid=true], [data-focus], [autofocus], [data-focus-first] :is(input:not([type=hidden]), select, textarea)");
  if (!field || (panel?.open && !panel.contains(field))) return;
  field.focus();
  if (field.matches("input:not([type=checkbox], [type=radio], [type=date], [type=datetime-local])")) field.select();
});

// A strip that scrolls begins at the one that is chosen; the page itself stays where it is.
document.addEventListener("htmx:load", (event) => event.detail.elt.querySelectorAll?.(":is(.tabs, .segmented) > :is([aria-current], [aria-selected=true])").forEach((tab) => {
  const strip = tab.parentElement, [box, own] = [strip, tab].map((one) => one.getBoundingClientRect());
  strip.scrollLeft += own.left + own.width / 2 - box.left - box.width / 2;
}));

// --- The sections of a card: one reads on where one was --------------------------------------------------------------------------------------
const TABS = ".card-grid nav.tabs";
document.addEventListener("click", (event) => {
  const tab = event.target.closest?.(`${TABS} a`);
  if (!tab || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const top = tab.closest("nav").getBoundingClientRect().top, byKeys = event.detail === 0;
  keep("tabs", JSON.stringify({ path: location.pathname, top: scrollY ? top : null, byKeys }));
});
function keep(name, text) {
  try {
    sessionStorage.setItem(name, text);
  } catch {
    // Storage may be closed to us; then the page begins at its top.
  }
}
function taken(name) {
  try {
    const text = sessionStorage.getItem(name);
    sessionStorage.removeItem(name);
    return JSON.parse(text);
  } catch {
    return null;
  }
}
const tabs = document.querySelector(TABS), before = taken("tabs");
if (tabs && before?.path === location.pathname) {
  if (before.byKeys) tabs.querySelector("[aria-current]")?.focus({ preventScroll: true });
  if (before.top !== null) {
    // What comes later, above the tabs and beneath them, moves them until one scrolls oneself.
    const stand = () => scrollBy({ top: tabs.getBoundingClientRect().top - before.top, behavior: "instant" });
    tabs.parentElement.style.minHeight = `${innerHeight - before.top}px`;
    stand();
    document.addEventListener("htmx:load", stand);
    for (const own of ["wheel", "touchmove", "keydown", "pointerdown"]) addEventListener(own, () => document.removeEventListener("htmx:load", stand), { once: true, passive: true });
  }
}

// --- The folded navigation, remembered in this browser (early.js sets it before the page is painted) -----------------------------------------
const folder = document.querySelector("[data-fold]");
function fold(on) {
  document.documentElement.classList.toggle("folded", on);
  if (!folder) return;
  folder.setAttribute("aria-expanded", String(!on));
  folder.title = folder.ariaLabel = on ? folder.dataset.unfold : folder.dataset.fold;
}
fold(document.documentElement.classList.contains("folded"));
folder?.addEventListener("click", () => {
  const on = !document.documentElement.classList.contains("folded");
  fold(on);
  try {
    localStorage.setItem("folded", on ? "1" : "0");
  } catch {
    // Storage may be closed to us; then it lasts as long as the page.
  }
});

// --- Files: the name of the one chosen stands where the browser would say it in its own language ----------------------------------
document.addEventListener("change", ({ target }) => {
  const name = target.matches?.(".drop > input[type=file]") && target.parentElement.querySelector("[data-file-name]");
  if (!name) return;
  name.dataset.none ??= name.textContent;
  name.textContent = target.files[0]?.name ?? name.dataset.none;
  target.parentElement.classList.toggle("chosen", target.files.length > 0);
});
