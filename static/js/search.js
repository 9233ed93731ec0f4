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
  w: () => document.activeElement.closest(".hit")?.querySelector(".why > summary").click(),
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

// -- Links and brushes that change the search: the results come without a new page, and the form follows ----
function show(query) {
  htmx.ajax("GET", `${location.pathname}${query}`, { source: "#results", target: "#results", swap: "outerHTML" });
}

document.addEventListener("search:show", (event) => show(event.detail));

document.addEventListener("click", (event) => {
  const link = event.target.closest("#results a[href^='?']");
  if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  fillBox(link);
  show(link.getAttribute("href"));
});

// The box says what the link searches for. Bars and dots are links of a drawing: they have no `search`.
function fillBox(link) {
  box.value = new URL(link.getAttribute("href"), location).searchParams.get("q") ?? "";
  box.setCustomValidity("");
}

// The results carry the filters that have no field of their own; those that have one are set here.
function follow(state) {
  const asked = new URLSearchParams(state);
  for (const input of form.querySelectorAll("input:not([name=q]), select")) {
    if (input.type === "radio") input.checked = input.value === (asked.get(input.name) ?? "");
    else if (input.type === "checkbox") input.checked = asked.getAll(input.name).includes(input.value);
    else if (input.name) input.value = asked.get(input.name) ?? "";
  }
}

// -- A browser takes each digit of a year being typed for a year: 2, 20, 202. Those wait; Enter searches them, too --
form.addEventListener("change", (event) => {
  if (event.target.type === "date" && event.target.value && event.target.value < "1000") event.stopPropagation();
}, true);

// -- Suggestions are links; taken, they go on in the box ----------------------------------------------------
document.addEventListener("click", (event) => {
  const link = event.target.closest("#suggestions a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  fillBox(link);
  box.focus();
  document.getElementById("suggestions").replaceChildren();
  form.requestSubmit();
});

// -- The limit: without us the browser cuts a long paste in silence; say it instead ---------------------
const limit = box.maxLength;
box.removeAttribute("maxlength");
box.addEventListener("input", () => {
  const { length } = box.value;
  box.setCustomValidity(length > limit ? `A search takes ${limit} characters at most; this is ${length}.` : "");
  box.reportValidity();
});

// -- What was open stays open, from one answer to the next ---------------------------------------------------
let mapIsOpen = false;
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("details.map")) mapIsOpen = event.target.open;
}, true);

// -- After an update: say it to screen readers, name the page after the search; a page turned begins at its top ---
document.addEventListener("htmx:afterSwap", (event) => {
  const results = document.getElementById("results");
  if (!results || !event.target.matches("#results")) return;
  if (results.dataset.state) follow(results.dataset.state);
  if (mapIsOpen) results.querySelector("details.map")?.setAttribute("open", "");
  summary.textContent = results.dataset.summary;
  document.title = `${box.value.slice(0, 60) || "Search"} · dmsearch`;
  if (!/[?&]page=/.test(event.detail.pathInfo.requestPath)) return;
  results.scrollIntoView();
  hitLinks()[0]?.focus({ preventScroll: true });
});
