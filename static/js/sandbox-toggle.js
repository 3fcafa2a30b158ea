// A checkbox [data-sandbox-toggle] chooses which elements [data-mode="test"|"live"] are shown.
const toggle = document.querySelector("[data-sandbox-toggle]");

toggle?.addEventListener("change", () => {
  const mode = toggle.checked ? "test" : "live";
  for (const one of document.querySelectorAll("[data-mode]")) {
    one.hidden = one.dataset.mode !== mode;
  }
});
