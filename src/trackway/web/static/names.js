// Puts into a page when its properties were first and last seen, which the server may take seconds to find out: only once
// somebody looks at them.
const section = document.getElementById("properties");
const state = document.getElementById("properties-times");

async function showTimes() {
  const link = state.firstElementChild;
  state.textContent = "Looking for when each was first and last seen…";
  try {
    const response = await fetch(section.dataset.times);
    const told = new DOMParser().parseFromString(await response.text(), "text/html");
    section.replaceWith(document.adoptNode(told.getElementById("properties")));
  } catch {
    state.replaceChildren(link); // refused, signed out, or the server is away: the page behind it says so
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
