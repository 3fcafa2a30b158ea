// A checkbox [data-sandbox-toggle] chooses which elements [data-mode="test"|"live"] are shown.
const toggle = document.querySelector("[data-sandbox-toggle]");

toggle?.addEventListener("change", () => {
  const mode = toggle.checked ? "test" : "live";
  for (const row of document.querySelectorAll("[data-mode]")) {
    row.hidden = row.dataset.mode !== mode;
  }
});
