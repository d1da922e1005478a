// Small help for forms: send on change, copy a secret, say what is unsaved.
export function forms(root) {
  root.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form?.hasAttribute("data-send-on-change")) form.requestSubmit();
  });

  // <input data-clear>: what was added is now a chip, so the field is free for the next.
  root.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.successful) return;
    for (const field of event.target.querySelectorAll?.("[data-clear]") ?? []) field.value = "";
  });

  // <input data-narrows="#list">: hides the choices that do not contain what is typed.
  root.addEventListener("input", (event) => {
    const list = event.target.dataset?.narrows && root.querySelector(event.target.dataset.narrows);
    if (!list) return;
    const wanted = event.target.value.trim().toLowerCase();
    for (const choice of list.querySelectorAll(".choice")) {
      choice.hidden = !choice.textContent.toLowerCase().includes(wanted) && !choice.querySelector(":checked");
    }
  });

  // <input data-chooses="audience:tag">: typing here chooses that radio button.
  root.addEventListener("input", (event) => {
    if (!event.target.dataset?.chooses || !event.target.value) return;
    const [name, value] = event.target.dataset.chooses.split(":");
    event.target.form.querySelector(`input[name="${name}"][value="${value}"]`).checked = true;
  });

  // <button data-fills="#tag" data-value="vip">
  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-fills]");
    if (!button) return;
    const field = root.querySelector(button.dataset.fills);
    field.value = button.dataset.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });

  // <form data-unsaved>: its save bar shows once something is different, and leaving then asks first.
  for (const form of root.querySelectorAll("form[data-unsaved]")) {
    const bar = form.querySelector(".save-bar");
    const wrong = form.querySelector(".errorlist") !== null; // what was sent is not saved
    const content = () => new URLSearchParams(new FormData(form)).toString();
    const saved = content();
    const unsaved = () => wrong || content() !== saved;
    const show = () => {
      if (!bar) return;
      bar.hidden = !unsaved();
      bar.querySelector(".said").textContent = "Unsaved changes";
    };
    let sending = false;
    form.addEventListener("input", show);
    form.addEventListener("change", show);
    form.addEventListener("submit", () => (sending = true));
    bar?.querySelector("a")?.addEventListener("click", () => (sending = true));
    window.addEventListener("beforeunload", (event) => {
      if (bar && unsaved() && !sending && !wrong) event.preventDefault();
    });
    show();
  }

  root.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(root.querySelector(button.dataset.copy).textContent.trim());
    button.textContent = "Copied";
  });
}
