// [data-strength="id of a text"]: says how good a new password is. The site's own rule is on the server; this is a hint.
const SENTENCES = ["Too short: 10 characters at least.", "Weak: add another word.", "Fair.", "Long enough, if it is nothing that others would guess."];

for (const field of document.querySelectorAll("[data-strength]")) {
  const hint = document.getElementById(field.dataset.strength);
  field.addEventListener("input", () => {
    const level = levelOf(field.value);
    hint.hidden = !field.value;
    hint.dataset.level = level;
    if (hint.textContent !== SENTENCES[level]) hint.textContent = SENTENCES[level];
  });
}

function levelOf(text) {
  if (text.length < 10) return 0;
  const different = new Set(text).size;
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/].filter((kind) => kind.test(text)).length;
  if (different < 6) return 1;
  return text.length + kinds * 3 >= 24 ? 3 : text.length + kinds * 3 >= 16 ? 2 : 1;
}
