// Looks every few seconds whether the page can be had again, and shows it then.
// Not a timed refresh of the page itself: that would tear readers and screen readers out of the text.

const { retryAfter } = document.getElementById("outage-text").dataset;

setInterval(async () => {
  try {
    const answer = await fetch(location.href, { method: "HEAD" });
    if (answer.status !== 503) location.reload();
  } catch {
    // The line is cut as well: the next try will tell.
  }
}, retryAfter * 1000);
