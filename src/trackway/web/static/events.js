// Keeps the newest page of events up to date: it inserts the server's HTML at the top.
import { showCopyButtons } from "./site.js";

const ROWS_MAX = 200;
const AGAIN_MS = 2000;
const list = document.getElementById("events");
const live = document.getElementById("live");

/** Inserts rows at the top, except those that exist already. An open row stays open. */
function put(html) {
  const template = document.createElement("template");
  template.innerHTML = html; // from the server, every value escaped
  const rows = [...template.content.children].filter((row) => !document.getElementById(row.id));
  for (const row of rows) {
    row.classList.add("new");
    showCopyButtons(row);
  }
  list.prepend(...rows);
  document.getElementById("none")?.remove();
  document.getElementById("heads").hidden = false;
  while (list.children.length > ROWS_MAX && !list.lastElementChild.contains(document.activeElement)) {
    list.lastElementChild.remove();
  }
  return rows.length;
}

class Live {
  constructor() {
    this.state = document.getElementById("live-state");
    this.counter = document.getElementById("live-count");
    this.button = document.getElementById("pause");
    this.url = live.dataset.stream;
    this.last = "";
    this.count = 0;
    this.paused = false;
    this.button.addEventListener("click", () => this.pause());
    // A browser opens few connections to one server, so a hidden page closes its own.
    document.addEventListener("visibilitychange", () => this.connect());
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", () => this.connect());
    live.hidden = false;
    this.connect();
  }

  pause() {
    this.paused = !this.paused;
    this.button.textContent = this.paused ? "Go on" : "Pause";
    this.connect();
  }

  connect() {
    this.close();
    if (this.paused || document.hidden) {
      this.say(this.paused ? "Paused" : "Connecting");
      return;
    }
    const url = new URL(this.url, location.href);
    if (this.last) {
      url.searchParams.set("since", this.last);
    }
    this.source = new EventSource(url);
    this.source.onopen = () => this.say("Live");
    this.source.onerror = () => this.failed();
    this.source.addEventListener("events", (message) => this.take(message));
    this.source.addEventListener("trouble", () => this.say("The store cannot be read now; still trying"));
  }

  close() {
    clearTimeout(this.waiting);
    this.source?.close();
    this.source = undefined;
  }

  /** The browser opens an ended connection again, but not a refused one. */
  failed() {
    this.say("Connecting again");
    if (this.source.readyState === EventSource.CLOSED) {
      this.waiting = setTimeout(() => this.connect(), AGAIN_MS);
    }
  }

  take(message) {
    const { count, html } = JSON.parse(message.data);
    this.last = message.lastEventId;
    this.count += count;
    const drawn = put(html);
    const more = count > drawn ? ` ${count.toLocaleString("en")} came at once, of which the newest ${drawn} are shown.` : "";
    this.counter.textContent = `${this.count.toLocaleString("en")} new.${more}`;
    this.say("Live");
  }

  say(text) {
    if (this.state.textContent !== text) {
      this.state.textContent = text;
    }
  }
}

if (live) {
  new Live();
}
