// Live pages. The stream only says what changed ("contact 17"); the page then fetches itself again through the
// server, so that rights are decided in one place. Hooks in the page:
//   data-live="contacts" | "campaign"   which event refreshes the element
//   data-live-id="3"                    only when the event names this id
// The element refreshes by the htmx trigger "live", which it must declare.
const QUIET = 300; // ms: a burst of changes is one refresh
const SLOWEST = 30_000;

export function live(root) {
  const watched = () => [...root.querySelectorAll("[data-live]")];
  if (!watched().length || !window.EventSource) return;
  const due = new Map();
  let pause = 1000;
  let opened = false;

  const refresh = (element) => {
    if (due.has(element)) return;
    due.set(element, setTimeout(() => {
      due.delete(element);
      if (document.hidden) element.dataset.stale = "1";
      else window.htmx.trigger(element, "live");
    }, QUIET));
  };

  const heard = (kind) => (event) => {
    const ids = event.data === "many" ? null : [].concat(JSON.parse(event.data)).map(String);
    for (const element of watched()) {
      if (element.dataset.live !== kind) continue;
      if (ids && element.dataset.liveId && !ids.includes(element.dataset.liveId)) continue;
      refresh(element);
    }
  };

  const connect = async () => {
    let source;
    try {
      const answer = await fetch("/live-token", { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`live-token answered ${answer.status}`);
      const { token } = await answer.json();
      source = new EventSource(`/live?token=${encodeURIComponent(token)}`);
    } catch {
      again();
      return;
    }
    source.addEventListener("open", () => {
      pause = 1000;
      if (opened) watched().forEach(refresh); // something may have changed while nobody listened
      opened = true;
    });
    source.addEventListener("contacts", heard("contacts"));
    source.addEventListener("campaign", heard("campaign"));
    source.addEventListener("error", () => {
      // The browser would try again with the old token, which lives five minutes: take a new one.
      source.close();
      again();
    });
    window.addEventListener("pagehide", () => source.close(), { once: true });
  };

  const again = () => {
    setTimeout(connect, pause);
    pause = Math.min(pause * 2, SLOWEST);
  };

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const element of watched()) {
      if (element.dataset.stale) {
        delete element.dataset.stale;
        window.htmx.trigger(element, "live");
      }
    }
  });

  connect();
  markChanges(root);
}

// Rows carry data-version; after a refresh those that are new or differ light up for a moment.
function markChanges(root) {
  let before = new Map();
  const versions = (element) => new Map([...element.querySelectorAll("tr[data-id]")].map((row) => [row.dataset.id, row.dataset.version]));

  root.addEventListener("htmx:beforeSwap", (event) => {
    before = event.detail.target.matches("[data-live]") ? versions(event.detail.target) : new Map();
  });

  root.addEventListener("htmx:afterSwap", (event) => {
    const requested = event.detail.requestConfig?.triggeringEvent?.type;
    if (requested !== "live" || !before.size) return;
    for (const row of document.querySelectorAll("[data-live] tr[data-id]")) {
      if (before.get(row.dataset.id) === row.dataset.version) continue;
      row.classList.add("changed");
      setTimeout(() => row.classList.remove("changed"), 1500);
    }
  });
}
