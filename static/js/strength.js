// [data-strength="id of a text" data-min-length="number"]: says how good a new password is. The site's own rule is on the server; this is a hint.
const SENTENCES = ["Too short: {} characters at least.", "Weak: add another word.", "Fair.", "Long enough, if it is nothing that others would guess."];

for (const field of document.querySelectorAll("[data-strength]")) {
  const hint = document.getElementById(field.dataset.strength);
  const minLength = Number(field.dataset.minLength);
  field.addEventListener("input", () => {
    const level = levelOf(field.value, minLength);
    hint.hidden = !field.value;
    hint.dataset.level = level;
    const sentence = SENTENCES[level].replace("{}", minLength);
    if (hint.textContent !== sentence) hint.textContent = sentence;
  });
}

function levelOf(text, minLength) {
  if (text.length < minLength) return 0;
  const different = new Set(text).size;
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/].filter((kind) => kind.test(text)).length;
  if (different < 6) return 1;
  return text.length + kinds * 3 >= 24 ? 3 : text.length + kinds * 3 >= 16 ? 2 : 1;
}
