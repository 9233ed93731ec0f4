// Drag on the timeline or over the map: what lies between, or in the box, is kept. On the map the keys do it too.
// Single bars and dots are links that need none of this, and the same choices stand beside them as words.

const LEAST = 6; // pixels: less is a click

document.addEventListener("pointerdown", (event) => {
  const area = event.button === 0 && event.target.closest("[data-brush]");
  if (!area) return;
  const drawing = area.matches("svg") ? area : area.querySelector("svg");
  const brush = drawing.querySelector(".brush");
  const start = [event.clientX, event.clientY];
  const isMap = area.dataset.brush === "map";
  let moved = false;

  const draw = (...sides) => drawBox(brush, ...sides);

  function move(moving) {
    moved ||= Math.hypot(moving.clientX - start[0], moving.clientY - start[1]) >= LEAST;
    if (!moved) return;
    const [from, to] = corners(drawing, start, [moving.clientX, moving.clientY]);
    draw(from[0], isMap ? from[1] : 0, to[0] - from[0], isMap ? to[1] - from[1] : 48);
  }

  function end(ending) {
    document.removeEventListener("pointermove", move);
    document.removeEventListener("pointerup", end);
    document.removeEventListener("pointercancel", end);
    document.removeEventListener("keydown", cancel);
    draw(0, 0, 0, 0);
    if (!moved || ending.type !== "pointerup") return;
    // The click that follows is the drag's, not the link's under it.
    drawing.addEventListener("click", (click) => { click.preventDefault(); click.stopPropagation(); }, { capture: true, once: true });
    const [from, to] = corners(drawing, start, [ending.clientX, ending.clientY]);
    const change = isMap ? boxOf(from, to) : datesOf(drawing, from[0], to[0]);
    if (change) keep(change);
  }

  function cancel(key) {
    if (key.key === "Escape") end(key);
  }
  document.addEventListener("pointermove", move);
  document.addEventListener("pointerup", end);
  document.addEventListener("pointercancel", end);
  document.addEventListener("keydown", cancel);
});

function drawBox(brush, x, y, width, height) {
  Object.entries({ x, y, width, height }).forEach(([name, value]) => brush.setAttribute(name, value));
}

// -- The map by keys: the arrows move a box, with Shift its lower right corner; Enter keeps what lies in it ----
const STEPS = 20; // across the map
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const mapOf = (event) => (event.target.matches?.("[data-brush=map]") ? event.target.querySelector("svg") : null);

document.addEventListener("focusin", (event) => {
  const drawing = mapOf(event);
  if (!drawing || !event.target.matches(":focus-visible")) return;
  const { x, y, width, height } = drawing.viewBox.baseVal;
  drawBox(drawing.querySelector(".brush"), x + width / 4, y + height / 4, width / 2, height / 2);
});

document.addEventListener("focusout", (event) => {
  const drawing = mapOf(event);
  if (drawing) drawBox(drawing.querySelector(".brush"), 0, 0, 0, 0);
});

// In the capturing phase: elsewhere on the page the arrows go through the hits.
document.addEventListener("keydown", (event) => {
  const drawing = mapOf(event);
  if (!drawing || event.ctrlKey || event.metaKey || event.altKey) return;
  const brush = drawing.querySelector(".brush");
  const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => brush[name].baseVal.value);
  if (!width || !(event.key in ARROWS || event.key === "Enter")) return;
  event.preventDefault();
  if (event.key === "Enter") return keep(boxOf([x, y], [x + width, y + height]));
  const view = drawing.viewBox.baseVal, step = view.width / STEPS;
  const [right, down] = ARROWS[event.key].map((sign) => sign * step);
  const within = (value, low, high) => Math.min(high, Math.max(low, value));
  if (event.shiftKey) {
    drawBox(brush, x, y, within(width + right, step, view.x + view.width - x), within(height + down, step, view.y + view.height - y));
  } else {
    drawBox(brush, within(x + right, view.x, view.x + view.width - width), within(y + down, view.y, view.y + view.height - height), width, height);
  }
}, { capture: true });

// A link under the pointer must not be dragged away as an address.
document.addEventListener("dragstart", (event) => {
  if (event.target.closest("[data-brush]")) event.preventDefault();
});

// Two points of the window as the upper left and lower right corner, in units of the drawing and inside of it.
function corners(drawing, ...points) {
  const { x, y, width, height } = drawing.viewBox.baseVal;
  const frame = drawing.getBoundingClientRect();
  const within = (value, low, high) => Math.min(high, Math.max(low, value));
  const [a, b] = points.map(([left, top]) => [
    within(x + ((left - frame.left) / frame.width) * width, x, x + width),
    within(y + ((top - frame.top) / frame.height) * height, y, y + height),
  ]);
  return [[Math.min(a[0], b[0]), Math.min(a[1], b[1])], [Math.max(a[0], b[0]), Math.max(a[1], b[1])]];
}

function datesOf(drawing, from, to) {
  const bars = [...drawing.querySelectorAll("a")].filter((bar) => {
    const room = bar.querySelector(".room");
    const left = Number(room.getAttribute("x"));
    return left < to && left + Number(room.getAttribute("width")) > from;
  });
  return bars.length ? { since: bars[0].dataset.since, until: bars.at(-1).dataset.until } : null;
}

function boxOf([left, top], [right, bottom]) {
  return { box: [left - 180, 90 - bottom, right - 180, 90 - top].map((degrees) => degrees.toFixed(2)).join(",") };
}

function keep(change) {
  const asked = new URLSearchParams(document.getElementById("results").dataset.state);
  Object.entries(change).forEach(([name, value]) => asked.set(name, value));
  // search.js shows it. Not by import: pages load it by a name with its hash, and it would run twice.
  document.dispatchEvent(new CustomEvent("search:show", { detail: `?${asked}` }));
}
