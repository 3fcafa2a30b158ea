// [data-progress="address"]: asks every second how far the work is, and loads the page again when it is done.
const INTERVAL_MS = 1000;

for (const box of document.querySelectorAll("[data-progress]")) {
  const status = box.querySelector("[data-progress-text]");
  const poll = async () => {
    try {
      const response = await fetch(box.dataset.progress, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(response.status);
      const job = await response.json();
      if (status.textContent !== job.text) status.textContent = job.text;
      if (job.done) return location.reload();
    } catch {
      status.textContent = "The site does not answer at the moment. Trying again…";
    }
    setTimeout(poll, INTERVAL_MS);
  };
  setTimeout(poll, INTERVAL_MS);
}
