// What every page has: buttons that copy, and forms that ask before they do what cannot be undone.

function copied(button) {
  const status = document.createElement("span");
  status.setAttribute("role", "status");
  status.className = "copied";
  status.textContent = "Copied";
  button.after(status);
  setTimeout(() => status.remove(), 2000);
}

/** Copies a text; also where the clipboard is closed to pages, which it is over plain HTTP. */
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

/** Shows the copy buttons below an element: for rows that came after the page was loaded. */
export function showCopyButtons(within) {
  for (const button of within.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
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

showCopyButtons(document);
