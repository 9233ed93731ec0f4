// Keys for judging a pool. Each stands for a button or a link that is there without it.

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
  const control = document.querySelector(`#judging [data-key="${CSS.escape(event.key)}"]`);
  if (!control || document.querySelector(".htmx-request")) return; // the passage on view is judged already
  event.preventDefault();
  control.click();
});

// The next passage is said to screen readers and read from its start.
document.addEventListener("htmx:afterSettle", () => {
  const judging = document.getElementById("judging");
  document.getElementById("said").textContent = judging.dataset.said;
  document.getElementById("passage")?.focus({ preventScroll: true });
  judging.scrollIntoView({ block: "nearest" });
});
