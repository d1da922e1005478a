// The tablet: after a minute without a touch the form is fresh again, so that nobody finds what another typed.
const IDLE = 60_000; // milliseconds
const form = document.querySelector("form[data-idle]");
const fresh = () => location.replace(form.dataset.idle);
let timer = setTimeout(fresh, IDLE);
for (const kind of ["input", "pointerdown", "keydown", "scroll"]) {
  document.addEventListener(kind, () => {
    clearTimeout(timer);
    timer = setTimeout(fresh, IDLE);
  }, { passive: true });
}
// Going back must not bring back a page out of the browser's memory.
addEventListener("pageshow", (event) => {
  if (event.persisted) fresh();
});
