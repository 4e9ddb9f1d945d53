// Refreshes the page every few seconds while it is visible. Open rows, the focus and the scroll position stay.
import { showCopyButtons, showNewest } from "./site.js";

const EVERY_MS = 10_000;
const FOCUSABLE = "a, summary, [tabindex]";
const state = document.getElementById("refreshing");

function replace(page) {
  const [old, fresh] = [document.getElementById("health"), page.getElementById("health")];
  const focused = [...old.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
  const open = [...old.querySelectorAll("details")].map((each) => each.open);
  old.replaceWith(document.adoptNode(fresh));
  fresh.querySelectorAll("details").forEach((each, place) => (each.open = open[place] ?? false));
  showNewest(fresh);
  showCopyButtons(fresh);
  fresh.querySelectorAll(FOCUSABLE)[focused]?.focus({ preventScroll: true });
  document.querySelector("main time").replaceWith(document.adoptNode(page.querySelector("main time")));
}

async function refresh() {
  if (document.hidden) {
    return;
  }
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (!response.ok || response.redirected || !page.getElementById("health")) {
      throw new Error("no such page");
    }
    replace(page);
    say(`, drawn anew every ${EVERY_MS / 1000} s`);
  } catch {
    say(": the server did not give a newer page"); // signed out, or away
  }
}

function say(text) {
  if (state.textContent !== text) {
    state.textContent = text;
  }
}

say(`, drawn anew every ${EVERY_MS / 1000} s`);
setInterval(refresh, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
