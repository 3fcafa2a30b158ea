// A checkbox [data-tick-all="name"] ticks all checkboxes of that name in its form.
for (const all of document.querySelectorAll("[data-tick-all]")) {
  const boxes = [...all.form.querySelectorAll(`input[type=checkbox][name="${all.dataset.tickAll}"]`)];
  all.hidden = boxes.length === 0;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
  });
  for (const box of boxes) {
    box.addEventListener("change", () => (all.checked = boxes.every((box) => box.checked)));
  }
}
