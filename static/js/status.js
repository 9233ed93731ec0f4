// Green only when checked just now: an old answer, on a cut line or a sleeping phone, is marked as old.

function markStale() {
  const checks = document.getElementById("checks");
  const received = Number((checks.dataset.received ??= Date.now()));
  // Date.now and not performance.now: it goes on while a laptop sleeps.
  const stale = Date.now() - received > checks.dataset.goodFor * 1000;
  checks.classList.toggle("stale", stale);
  for (const verdict of checks.querySelectorAll(".verdict")) {
    verdict.hidden = verdict.classList.contains("verdict-stale") !== stale;
  }
}
markStale();
setInterval(markStale, 1000);
document.addEventListener("visibilitychange", markStale);
