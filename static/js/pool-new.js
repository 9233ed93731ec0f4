// Making a pool takes a while: say so, and make it once however often the button is pressed.

const form = document.querySelector("form.pool-new");
const button = form.querySelector("button");
const label = button.textContent;

form.addEventListener("submit", () => {
  button.disabled = true;
  button.textContent = "Asking the systems…";
});
window.addEventListener("pageshow", () => { // back again, by the browser's Back
  button.disabled = false;
  button.textContent = label;
});
