// [data-eye="field id"]: shows or hides what has been typed in a key field.
for (const button of document.querySelectorAll("[data-eye]")) {
  const field = document.getElementById(button.dataset.eye);
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = field.type === "text";
    field.type = shown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!shown));
  });
}
