// Keeps a page up to date: counts at once, from the board's events; the rest of #live from the page itself, at most every
// two seconds, and every few where it says data-poll: what is refused or waits is no entry. Without this file every page is complete as of when it was loaded.
document.documentElement.classList.add("script");

const language = document.documentElement.lang;
const times = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const numbers = new Intl.NumberFormat(language, { useGrouping: "always" });

/** Shows times in the reader's own zone. */
function localTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const time = new Date(element.dateTime);
    if (!Number.isNaN(time.getTime())) {
      element.title = element.dateTime;
      element.textContent = times.format(time);
    }
  }
}

/** Tables that overflow can be scrolled with the keyboard. */
function scrollable(root) {
  for (const element of root.querySelectorAll(".scroll")) {
    if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  }
}

function show(name, value) {
  for (const element of document.querySelectorAll(`[data-live="${name}"]`)) {
    const text = numbers.format(value);
    if (element.textContent !== text) {
      element.textContent = text;
      element.classList.remove("new");
      requestAnimationFrame(() => element.classList.add("new"));
    }
  }
}

let wanted = false;
let busy = false;
let last = 0;

/** Whether somebody has typed, ticked or chosen something here, and not sent it. */
function touched(root) {
  const changed = (field) => {
    if (field.type === "file") return field.files.length > 0;
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.localName === "select") return [...field.options].some((option) => option.selected !== option.defaultSelected);
    return field.type !== "hidden" && field.value !== field.defaultValue;
  };
  return [...root.querySelectorAll("input, textarea, select")].some(changed);
}

let left = false;

/** Exchanges an element's content, keeping open what the reader opened. */
function exchange(old, fresh) {
  // Somebody types or selects here, or a proof is shown: leave the content alone until they go elsewhere.
  if (!fresh || old.querySelector("#proof")) return;
  if (old.contains(document.activeElement) || touched(old)) {
    left = true;
    return;
  }
  const open = [...old.querySelectorAll("details")].map((element) => element.open);
  old.replaceChildren(...fresh.childNodes);
  old.querySelectorAll("details").forEach((element, i) => { element.open = open[i] ?? false; });
  localTimes(old);
  scrollable(old);
}

/** Fetches this page again and exchanges what can change: #live, and what says data-fresh. */
async function refresh() {
  wanted = true;
  if (busy) return;
  busy = true;
  while (wanted) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, last + 2000 - Date.now()) + Math.random() * 300));
    wanted = false;
    last = Date.now();
    try {
      // Nobody's doing: a session that only refreshes itself ends in time.
      const answer = await fetch(location.href, { credentials: "same-origin", headers: { "x-refresh": "live" } });
      if (!answer.ok) continue;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const phase = page.querySelector("[data-phase]");
      const shown = document.querySelector("[data-phase]");
      if (phase && shown) {
        shown.className = phase.className;
        shown.textContent = phase.textContent;
        shown.dataset.phase = phase.dataset.phase;
      }
      left = false;
      for (const old of document.querySelectorAll("#live, [data-fresh]")) exchange(old, page.getElementById(old.id));
    } catch { /* offline: the next event asks again */ }
  }
  busy = false;
}

const live = document.getElementById("live");
localTimes(document);
scrollable(document);
addEventListener("resize", () => scrollable(document));
if (live?.dataset.events) {
  const lost = document.getElementById("lost");
  const events = new EventSource(live.dataset.events);
  let known = null;
  events.addEventListener("status", (event) => {
    const status = JSON.parse(event.data);
    if (lost) lost.hidden = true;
    for (const [name, value] of Object.entries(status.counts)) show(name, value);
    show("tree_size", status.head.tree_size);
    const now = `${status.head.tree_size} ${status.phase} ${status.service}`;
    if (known !== null && known !== now) refresh();
    known = now;
  });
  const poll = Number(live.dataset.poll);
  if (poll) setInterval(() => { if (!document.hidden) refresh(); }, poll);
  events.addEventListener("error", () => { if (lost) lost.hidden = false; });
  addEventListener("focusout", () => { if (left) refresh(); });
  events.addEventListener("open", () => { if (lost) lost.hidden = true; });
}
