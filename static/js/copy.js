// [data-copy="field id"]: copies the field's value, and says so in the [data-copied] beside it.
for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  const status = button.parentElement.parentElement.querySelector("[data-copied]");
  button.hidden = false;
  button.addEventListener("click", () => show(status, copied(field.value, field)));
}

// [data-copy-text="text"] around a button and a [data-copied]: the button copies the text.
for (const box of document.querySelectorAll("[data-copy-text]")) {
  box.hidden = false;
  const status = box.querySelector("[data-copied]");
  box.querySelector("button").addEventListener("click", () => show(status, copied(box.dataset.copyText)));
}

async function show(status, copying) {
  status.textContent = (await copying) ? "Copied." : "Press Ctrl+C to copy.";
  setTimeout(() => (status.textContent = ""), 4000);
}

async function copied(text, field) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return field ? selected(field) : copiedByHand(text);
  }
}

function selected(field) {
  field.focus();
  field.select();
  return document.execCommand("copy");
}

// Without https a browser gives no clipboard: a field that nobody sees is copied from.
function copiedByHand(text) {
  const before = document.activeElement;
  const field = Object.assign(document.createElement("textarea"), { value: text, className: "visually-hidden" });
  document.body.append(field);
  const done = selected(field);
  field.remove();
  before?.focus();
  return done;
}
