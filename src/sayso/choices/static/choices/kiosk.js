// The tablet: after a minute without a touch, and a moment after the thanks, the form is fresh for the next person, so that
// nobody finds what another typed.
const IDLE = 60_000; // milliseconds
const THANKS = 8_000;
const form = document.querySelector("[data-idle]");
const thanks = document.querySelector("[data-next]");
const fresh = () => location.replace((form ?? thanks).dataset[form ? "idle" : "next"]);
let timer = setTimeout(fresh, form ? IDLE : THANKS);
if (form) {
  for (const kind of ["input", "pointerdown", "keydown", "scroll"]) {
    document.addEventListener(kind, () => {
      clearTimeout(timer);
      timer = setTimeout(fresh, IDLE);
    }, { passive: true });
  }
}
// Going back must not bring back a page out of the browser's memory.
addEventListener("pageshow", (event) => {
  if (event.persisted) fresh();
});
