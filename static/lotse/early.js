// Runs before the page is painted, so that a folded navigation does not jump: the choice is kept in this browser.
try {
  document.documentElement.classList.toggle("folded", localStorage.getItem("folded") === "1");
} catch {
  // Storage may be closed to us; then the navigation stands open.
}
