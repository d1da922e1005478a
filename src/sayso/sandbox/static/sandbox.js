// Keeps the marked parts fresh: the page is fetched again and only they are exchanged, so that
// nobody's half-written reply or keyboard focus is lost.
const PAUSE = 2000;

async function refresh() {
  if (document.hidden) return;
  const reply = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!reply.ok) return;
  const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (next && next.innerHTML !== part.innerHTML) part.replaceWith(document.importNode(next, true));
  }
}

async function keep() {
  try {
    await refresh();
  } catch {
    // the sandbox is being restarted; the next round finds it again
  }
  setTimeout(keep, PAUSE);
}

setTimeout(keep, PAUSE);
