// n and p leaf: to the next and the previous passage of a document, or page of a PDF. The links do it too.

const rels = { n: "next", p: "prev", u: "up" };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
  const link = rels[event.key] && document.querySelector(`main a[rel=${rels[event.key]}]`);
  if (!link) return;
  event.preventDefault();
  link.click();
});

// A server that draws too many pages already says when to ask again; the picture comes then.
const picture = document.querySelector(".leaf img");

async function askAgain() {
  const answer = await fetch(picture.src);
  if (answer.status === 503) setTimeout(askAgain, 1000 * (answer.headers.get("Retry-After") || 5));
  else if (answer.ok) picture.src = picture.src; // which the browser has kept
}
picture?.addEventListener("error", askAgain, { once: true });
if (picture?.complete && !picture.naturalWidth) askAgain(); // it failed before we were here
