// [data-menu="id"]: opens and closes the menu on a narrow screen.
const button = document.querySelector("[data-menu]");
const menu = button && document.getElementById(button.dataset.menu);

button?.addEventListener("click", () => {
  const open = menu.classList.toggle("is-open");
  button.setAttribute("aria-expanded", String(open));
});
