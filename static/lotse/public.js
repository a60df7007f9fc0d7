// A form that strangers fill in: sent without leaving the page, so that nothing typed is lost; sent again if the answer did not come.
const form = document.querySelector("form[data-public]");
const main = document.querySelector("main");

function tell() {
  if (parent !== window) parent.postMessage({ lotse: main.dataset.key, height: Math.ceil(document.documentElement.getBoundingClientRect().height) }, "*");
}

if (form) {
  const touches = form.elements.touches;
  try {
    touches.value = JSON.stringify(JSON.parse(decodeURIComponent(location.hash.slice(1))));
  } catch {
    // Opened without the script that keeps them.
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!form.classList.contains("sending")) send();
  });
}
new ResizeObserver(tell).observe(document.documentElement);
tell();

async function send() {
  form.classList.add("sending");
  form.querySelector("button").setAttribute("aria-disabled", "true");
  mark({});
  say("");
  const body = new URLSearchParams(new FormData(form));
  let answer, response;
  for (let attempt = 0; attempt < 4 && !answer; attempt++) {
    if (attempt) await new Promise((done) => setTimeout(done, 700 * 2 ** attempt));
    try {
      response = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
      if (response.status < 500) answer = await response.json();
    } catch {
      // No network, or no answer of ours: the token makes it one submission however often it is sent.
    }
  }
  form.classList.remove("sending");
  form.querySelector("button").removeAttribute("aria-disabled");
  if (!answer) return say(form.dataset.failed);
  if (response.ok) return done(answer);
  if (answer.token) form.elements.token.value = answer.token;
  mark(answer.errors);
  say(answer.told);
}

function done(answer) {
  if (answer.go) return window.open(answer.go, "_top");
  const thanks = document.createElement("p");
  thanks.className = "thanks";
  thanks.setAttribute("role", "status");
  thanks.tabIndex = -1;
  thanks.textContent = answer.told;
  form.replaceWith(thanks);
  thanks.focus();
}

function say(text) {
  const place = form.querySelector(".told");
  place.textContent = text;
  place.hidden = !text;
}

function mark(errors) {
  for (const old of form.querySelectorAll(".error")) old.remove();
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const [name, texts] of Object.entries(errors)) {
    const input = form.elements[name];
    if (!input) continue;
    const error = document.createElement("p");
    error.className = "error";
    error.id = `${name}_error`;
    error.textContent = texts.join(" ");
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", error.id);
    input.closest(".field").append(error);
  }
  form.querySelector("[aria-invalid]")?.focus();
}
