// [data-eye="field id"]: shows or hides what has been typed in a key field, which CSS masks.
for (const button of document.querySelectorAll("[data-eye]")) {
  const field = document.getElementById(button.dataset.eye);
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = !field.classList.toggle("masked");
    button.setAttribute("aria-pressed", String(shown));
  });
}
