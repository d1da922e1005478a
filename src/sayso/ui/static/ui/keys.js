// "/" goes to the search field; j and k walk the rows of an index table, Enter opens one (it is a link).
export function keys(root) {
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "/") {
      const search = root.querySelector("input[data-search]");
      if (!search) return;
      event.preventDefault();
      search.focus();
      search.select();
    }
    if (event.key === "j" || event.key === "k") walk(root, event.key === "j" ? 1 : -1);
  });
}

function typing(element) {
  return element.matches("input, textarea, select, [contenteditable]");
}

function walk(root, step) {
  const links = [...root.querySelectorAll("tr.open a.cover")];
  if (!links.length) return;
  const here = links.indexOf(root.activeElement);
  const next = here < 0 ? (step > 0 ? 0 : links.length - 1) : here + step;
  links[Math.min(Math.max(next, 0), links.length - 1)].focus();
}
