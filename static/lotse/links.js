// The link builder: a field of which an error is told says so to screen readers, too.
document.body.addEventListener("htmx:oobAfterSwap", () => {
  for (const told of document.querySelectorAll("#link-form .told")) {
    const input = told.parentElement.querySelector("input");
    if (told.querySelector(".error")) input.setAttribute("aria-invalid", "true"); else input.removeAttribute("aria-invalid");
  }
});
