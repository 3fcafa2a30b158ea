// A button [data-needs="id id"] is enabled once each of these fields holds something, or [data-stored].
for (const button of document.querySelectorAll("[data-needs]")) {
  const fields = button.dataset.needs.split(" ").map((id) => document.getElementById(id));
  const look = () => {
    button.disabled = !fields.every((field) => field.value.trim() || "stored" in field.dataset);
  };
  for (const field of fields) field.addEventListener("input", look);
  look();
}
