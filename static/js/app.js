// What every page has. All of it is a help only: without JavaScript each of these still works.

const root = document.documentElement;
const darkSystem = matchMedia("(prefers-color-scheme: dark)");

// -- Light and dark: the same cookie that POST /theme sets, without a reload --------------------
document.querySelector(".theme-switch")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const chosen = event.submitter.value;
  const asSystem = (chosen === "dark") === darkSystem.matches;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  // Back at the system's own look: forget the choice, so that the page follows the system again.
  document.cookie = `theme=${asSystem ? "" : chosen}; Path=/; SameSite=Lax; Max-Age=${asSystem ? 0 : 31536000}${secure}`;
  if (asSystem) delete root.dataset.theme;
  else root.dataset.theme = chosen;
  document.querySelector("meta[name=color-scheme]").content = asSystem ? "light dark" : chosen;
  document.querySelector(chosen === "dark" ? ".to-light" : ".to-dark").focus();
});

// -- Local time on hover -------------------------------------------------------------------------
const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

function addLocalTimes(within) {
  for (const time of within.querySelectorAll("time[datetime*=T]:not([title])")) {
    const moment = new Date(time.dateTime);
    if (!isNaN(moment)) time.title = `${local.format(moment)} (${zone})`;
  }
}
addLocalTimes(document);
document.addEventListener("htmx:load", (event) => addLocalTimes(event.target));

// -- Menus close when one leaves them ------------------------------------------------------------
function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== except) menu.open = false;
}
document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
document.addEventListener("focusin", (event) => closeMenus(event.target.closest("details.menu")));
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (!menu) return;
  event.preventDefault(); // done: on the search page Escape would lead to the box
  menu.open = false;
  menu.querySelector("summary").focus();
});

// -- What a person opened or closed stays so when the page around it is fetched anew ---------------
const folded = new Map();
document.addEventListener("toggle", (event) => {
  if (event.target.id && event.target.matches("details")) folded.set(event.target.id, event.target.open);
}, true);
document.addEventListener("htmx:load", (event) => {
  for (const part of event.detail.elt.querySelectorAll("details[id]")) if (folded.has(part.id)) part.open = folded.get(part.id);
});

// -- Copy buttons --------------------------------------------------------------------------------
if (navigator.clipboard) {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.querySelector("span").textContent = "Copied";
    });
  }
}

// -- A server away, or the line cut: say so, keep what is on the page ----------------------------
const outage = document.getElementById("outage");

function tell(html) {
  outage.innerHTML = html;
  outage.hidden = false;
}
document.addEventListener("htmx:responseError", (event) => {
  const answer = event.detail.xhr;
  if (answer.status === 503) tell(answer.responseText);
  else tell("<p>That did not work: the server answered with an error. What is on this page is unchanged. Try again.</p>");
});
document.addEventListener("htmx:sendError", () =>
  tell("<p>dmsearch cannot be reached. Check the line; this page stays as it is. Try again.</p>"));
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) outage.hidden = true;
});
