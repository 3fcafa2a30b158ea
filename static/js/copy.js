// [data-copy="field id"]: copies the field's value, and says so in the [data-copied] beside it.
for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  const said = button.parentElement.parentElement.querySelector("[data-copied]");
  button.hidden = false;
  button.addEventListener("click", async () => {
    said.textContent = (await copied(field)) ? "Copied." : "Press Ctrl+C to copy.";
    setTimeout(() => (said.textContent = ""), 4000);
  });
}

async function copied(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    field.focus();
    field.select();
    return document.execCommand("copy");
  }
}
