// The script of every page: copy buttons, and a question before each action that cannot be undone.

function copied(button) {
  const status = document.createElement("span");
  status.setAttribute("role", "status");
  status.className = "copied";
  status.textContent = "Copied";
  button.after(status);
  setTimeout(() => status.remove(), 2000);
}

/** Copies a text, also over plain HTTP, where the clipboard is closed to pages. */
export async function copyText(text) {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text);
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("aria-hidden", "true");
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** Shows the copy buttons below an element, also in rows that were inserted after the page was loaded. */
export function showCopyButtons(within) {
  for (const button of within.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
  }
}

/** Scrolls the charts by time below an element to their newest end, if they are wider than the screen. */
export function showNewest(within) {
  for (const chart of within.querySelectorAll(".picture:not(.by-steps)")) {
    chart.scrollLeft = chart.scrollWidth;
  }
}

/** The token that a fetch sends as `X-CSRF-Token`. */
export function csrf() {
  return document.querySelector("meta[name=csrf]").content;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (button) {
    await copyText(document.getElementById(button.dataset.copy).textContent);
    button.focus();
    copied(button);
  }
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) {
    event.preventDefault();
  }
});

// Parts that are wider than the screen begin at their most important end.
document.querySelector("body > nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
showNewest(document);

showCopyButtons(document);
