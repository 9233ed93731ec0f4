// The search page's keys, and what keeps form, results and readers in step. Search works without it.

const form = document.getElementById("search");
const box = form.elements.q;
const keys = document.getElementById("keys");
const summary = document.getElementById("summary");

// -- Keys ------------------------------------------------------------------------------------------
const isTyping = (target) => target.matches("input:not([type=radio], [type=checkbox]), textarea, select");
const hitLinks = () => [...document.querySelectorAll(".hit-link")];

function moveTo(step) {
  const links = hitLinks();
  const at = links.indexOf(document.activeElement?.closest(".hit")?.querySelector(".hit-link"));
  const next = at < 0 ? (step > 0 ? 0 : -1) : at + step;
  if (next < 0) return box.focus();
  links[Math.min(next, links.length - 1)]?.focus();
}

function readAs(key) {
  const radio = form.querySelectorAll("input[name=intent]")[key];
  radio.checked = true;
  radio.dispatchEvent(new Event("change", { bubbles: true }));
}

const actions = {
  "/": () => { box.focus(); box.select(); },
  "?": () => keys.showModal(),
  j: () => moveTo(1),
  k: () => moveTo(-1),
  ArrowDown: () => moveTo(1),
  ArrowUp: () => moveTo(-1),
  o: () => document.activeElement.closest(".hit")?.querySelector(".hit-link").click(),
  Escape: () => box.focus(),
};

function actionFor(event) {
  const digit = /^(?:Digit|Numpad)([0-6])$/.exec(event.code)?.[1];
  if (digit && event.altKey) return () => readAs(digit);
  if (event.altKey) return undefined;
  if (event.target === box && ["ArrowDown", "ArrowUp"].includes(event.key)) return actions[event.key];
  if (isTyping(event.target)) return undefined;
  if (event.target.matches("input") && event.key.startsWith("Arrow")) return undefined; // radios move by arrows
  return digit && event.key === digit ? () => readAs(digit) : actions[event.key];
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.defaultPrevented || keys.open) return;
  const action = actionFor(event);
  if (!action) return;
  event.preventDefault();
  action();
});

// -- Links that change the search change the form too, or the next keystroke would undo them ---------
document.addEventListener("click", (event) => {
  const link = event.target.closest("#results a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const { field, value, intent, clear } = link.dataset;
  if (intent !== undefined) form.querySelector(`input[name=intent][value="${intent}"]`).checked = true;
  else if (field) drop(field, value);
  else if (clear !== undefined) ["corpus", "kind", "since", "until"].forEach((name) => drop(name));
  else return;
  event.preventDefault();
  form.requestSubmit();
});

function drop(name, value) {
  for (const input of form.querySelectorAll(`input[name=${name}]`)) {
    if (input.type !== "checkbox") input.value = "";
    else if (value === undefined || input.value === value) input.checked = false;
  }
}

// -- The limit: without us the browser cuts a long paste in silence; say it instead ---------------------
const limit = box.maxLength;
box.removeAttribute("maxlength");
box.addEventListener("input", () => {
  const { length } = box.value;
  box.setCustomValidity(length > limit ? `A search takes ${limit} characters at most; this is ${length}.` : "");
  box.reportValidity();
});

// -- After an update: say it to screen readers, name the page after the search -------------------------
document.addEventListener("htmx:afterSwap", (event) => {
  const results = document.getElementById("results");
  if (!results) return;
  summary.textContent = results.dataset.summary;
  document.title = `${box.value.slice(0, 60) || "Search"} · dmsearch`;
});
