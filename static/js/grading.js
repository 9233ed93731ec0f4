// On the search page: g and then 0–3 grades the hit in focus, g and then u takes it back.
// Listens before the page's own keys, where a digit alone says how to read the query.

const KEYS = { 0: "0", 1: "1", 2: "2", 3: "3", u: "undo" };
let waiting = null;

function wait(form) {
  waiting?.classList.remove("waiting");
  waiting = form;
  waiting?.classList.add("waiting");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
  const form = waiting;
  wait(null);
  if (form) {
    const button = form.querySelector(`[data-grade="${KEYS[event.key]}"]`);
    if (!button) return;
    button.click();
  } else if (event.key === "g" && event.target.closest(".hit")) {
    wait(event.target.closest(".hit").querySelector(".grades"));
  } else return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, { capture: true });

document.addEventListener("htmx:afterSettle", (event) => {
  const said = event.target.dataset?.said;
  if (event.target.matches?.(".grades") && said) document.getElementById("summary").textContent = said;
});
