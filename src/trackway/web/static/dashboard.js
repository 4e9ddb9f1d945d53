// Loads the cards of a dashboard, a few at a time. A card that the server has no room for now is asked for again.
import { showNewest } from "./site.js";

const TRIES = 8;
const PAUSE_S_MAX = 10;
const board = document.getElementById("board");
const waiting = [...board.querySelectorAll("[data-card]")];

function pause(seconds) {
  return new Promise((done) => setTimeout(done, 1000 * Math.min(seconds, PAUSE_S_MAX)));
}

async function answer(address) {
  for (let tries = 1; ; tries++) {
    const reply = await fetch(address);
    if (reply.ok) return reply.text();
    const busy = reply.status === 429 || reply.status === 503;
    if (!busy || tries === TRIES) throw new Error(`status ${reply.status}`);
    await pause(Number(reply.headers.get("Retry-After")) || 1);
  }
}

async function load(card) {
  card.setAttribute("aria-busy", "true");
  try {
    const page = new DOMParser().parseFromString(await answer(card.dataset.card), "text/html");
    card.replaceChildren(...page.body.childNodes);
    showNewest(card);
  } catch {
    card.firstElementChild.textContent = "This report could not be loaded. Open it, or load the page again.";
  }
  card.removeAttribute("aria-busy");
}

async function loadSome() {
  while (waiting.length) await load(waiting.shift());
}

for (let place = 0; place < Number(board.dataset.atOnce); place++) loadSome();
