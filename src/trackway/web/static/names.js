// Inserts the first and last time of each property. The server may take seconds for them, so the script asks only when
// they become visible.
const section = document.getElementById("properties");
const state = document.getElementById("properties-times");

async function showTimes() {
  const link = state.firstElementChild;
  state.textContent = "Looking for when each was first and last seen…";
  try {
    const response = await fetch(section.dataset.times);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    section.replaceWith(document.adoptNode(page.getElementById("properties")));
  } catch {
    state.replaceChildren(link); // refused, signed out, or the server is away: the linked page shows the reason
  }
}

if (state) {
  const seen = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) {
      seen.disconnect();
      showTimes();
    }
  });
  seen.observe(section);
}
