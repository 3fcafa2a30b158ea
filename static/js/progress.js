// [data-progress="address"]: asks every second how far the work is, and loads the page again when it is done.
const EVERY = 1000;

for (const box of document.querySelectorAll("[data-progress]")) {
  const said = box.querySelector("[data-progress-text]");
  const look = async () => {
    try {
      const answer = await fetch(box.dataset.progress, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.status);
      const now = await answer.json();
      if (said.textContent !== now.text) said.textContent = now.text;
      if (now.done) return location.reload();
    } catch {
      said.textContent = "The site does not answer at the moment. Trying again…";
    }
    setTimeout(look, EVERY);
  };
  setTimeout(look, EVERY);
}
