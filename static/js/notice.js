// A notice's close button takes the notice away.
for (const button of document.querySelectorAll("[data-close]")) {
  button.hidden = false;
  button.addEventListener("click", () => button.closest("[data-notice]").remove());
}
