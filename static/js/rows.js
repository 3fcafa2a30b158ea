// [data-rows]: a list of fields. [data-add] adds a copy of its template, [data-remove] takes its row away.
// Without this script the server does the same.
for (const rows of document.querySelectorAll("[data-rows]")) {
  const list = rows.querySelector("[data-list]");
  const add = rows.querySelector("[data-add]");
  const template = rows.querySelector("template");
  add?.addEventListener("click", (event) => {
    event.preventDefault();
    list.append(template.content.cloneNode(true));
    list.lastElementChild.querySelector("select").focus();
  });
  list?.addEventListener("click", (event) => {
    const button = event.target.closest("[data-remove]");
    if (!button) return;
    event.preventDefault();
    const row = button.closest("[data-row]");
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (next?.querySelector("select") ?? add).focus();
  });
}
