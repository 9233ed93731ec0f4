// Adding files to a corpus: dropped anywhere on the page or chosen, each a request of its own into one
// upload, with its own bar. Without this module the form sends them all at once.

const AT_ONCE = 3;

const form = document.getElementById("upload");
const sending = document.getElementById("sending");
const total = document.getElementById("sending-total");
const bar = document.getElementById("sending-bar");
const list = document.getElementById("sending-files");
const end = document.getElementById("sending-end");
const maxBytes = Number(form.dataset.maxBytes);

form.querySelector(".drop-hint").hidden = false;
form.querySelector(".folder").hidden = false;

const run = { job: null, url: "", opening: 0, queue: [], active: 0, added: 0, bytes: 0, ended: 0, endedBytes: 0, refused: 0 };

// -- Where files come from --------------------------------------------------------------------------
let depth = 0;
const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

addEventListener("dragenter", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  depth += 1;
  document.body.classList.add("dropping");
});
addEventListener("dragleave", (event) => {
  if (hasFiles(event) && --depth <= 0) endDrag();
});
addEventListener("dragover", (event) => {
  if (hasFiles(event)) event.preventDefault(); // says that a drop is welcome
});
addEventListener("drop", async (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  endDrag();
  // Entries must be taken before the first await: the drop's data is gone afterwards.
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) {
    add([...event.dataTransfer.files].map((file) => ({ file, path: file.name })));
    return;
  }
  run.opening += 1; // folders take time to be read: what is sent meanwhile is not all
  for (const entry of entries) await addEntry(entry);
  run.opening -= 1;
  next();
});

function endDrag() {
  depth = 0;
  document.body.classList.remove("dropping");
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  takeFrom(form.elements.files);
});
form.elements.files.addEventListener("change", () => takeFrom(form.elements.files));
document.getElementById("folder").addEventListener("change", (event) => takeFrom(event.target));

function takeFrom(input) {
  add([...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
  input.value = "";
}

async function addEntry(entry, folder = "") {
  const path = folder + entry.name;
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file) return add([{ file, path }]);
    run.added += 1;
    run.ended += 1;
    return refuse(path, "This file could not be opened on your device.");
  }
  const reader = entry.createReader();
  // A folder is read in portions; an empty one says that it is over.
  for (;;) {
    const portion = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!portion.length) return;
    for (const child of portion) await addEntry(child, `${path}/`);
  }
}

// -- Sending, a few at a time ---------------------------------------------------------------------------
function add(files) {
  for (const each of files) {
    run.added += 1;
    run.bytes += each.file.size;
    if (each.file.size > maxBytes) {
      run.ended += 1;
      run.endedBytes += each.file.size;
      refuse(each.path, `Larger than ${megabytes(maxBytes)}, so not sent. Split it and add the parts.`);
    } else {
      run.queue.push(each);
    }
  }
  if (!files.length) return;
  sending.hidden = false;
  end.hidden = true;
  next();
}

function next() {
  // The first file makes the upload that the others join.
  const room = run.job === null ? 1 : AT_ONCE;
  while (run.active < room && run.queue.length) send(run.queue.shift());
  tell();
  if (!run.active && !run.queue.length && !run.opening && run.added) finish();
}

function send({ file, path }) {
  const row = addRow(path);
  const request = new XMLHttpRequest();
  const data = new FormData();
  data.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  data.append("kind", form.elements.kind.value);
  if (run.job !== null) data.append("job", run.job);
  data.append("paths", path);
  data.append("files", file, file.name);
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) row.bar.value = event.loaded / event.total;
  });
  request.addEventListener("loadend", () => {
    run.active -= 1;
    run.ended += 1;
    run.endedBytes += file.size;
    row.item.remove();
    take(request, path);
    next();
  });
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  run.active += 1;
  request.send(data);
}

function take(request, path) {
  const answer = parsed(request.responseText);
  if (request.status === 201) {
    run.job = answer.job;
    run.url = answer.url;
  } else if (request.status === 401) {
    refuse(path, "You were logged out. Log in again, then add this file again.");
  } else if (request.status === 0) {
    refuse(path, "The line was cut. Add this file again.");
  } else {
    refuse(path, answer.detail || answer.error || `The server answered with an error (${request.status}). Add this file again.`);
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {}; // an error page of a server in between
  }
}

function finish() {
  if (run.url && !run.refused) {
    location.assign(run.url);
    return;
  }
  end.replaceChildren();
  if (run.url) {
    const link = document.createElement("a");
    link.href = run.url;
    link.className = "button";
    link.textContent = "See how the others are read";
    end.append(link);
  }
  end.hidden = !run.url;
}

// -- What is shown; names go in as text, never as markup -------------------------------------------------
function addRow(path) {
  const item = document.createElement("li");
  const name = document.createElement("span");
  const progress = document.createElement("progress");
  name.textContent = path;
  progress.max = 1;
  progress.value = 0;
  progress.setAttribute("aria-label", `Sending ${path}`);
  item.append(name, progress);
  list.append(item);
  return { item, bar: progress };
}

function refuse(path, reason) {
  run.refused += 1;
  sending.hidden = false;
  const item = document.createElement("li");
  const text = document.createElement("span");
  text.className = "refused";
  text.textContent = `${path}: ${reason}`;
  item.append(text);
  list.prepend(item);
}

function tell() {
  const sent = run.ended - run.refused;
  total.textContent = `${sent} of ${run.added} file${run.added === 1 ? "" : "s"} sent, ${megabytes(run.endedBytes)} of ${megabytes(run.bytes)}${run.refused ? `; ${run.refused} not taken` : ""}`;
  bar.max = Math.max(1, run.added);
  bar.value = run.ended;
}

function megabytes(bytes) {
  return bytes < 1e5 ? `${Math.ceil(bytes / 1024)} KB` : `${(bytes / 2 ** 20).toFixed(1)} MB`;
}

addEventListener("beforeunload", (event) => {
  if (run.active || run.queue.length) event.preventDefault(); // what is not sent yet would be lost
});
