// Suggests events, properties and values for the fields of a report. The server is asked once for each question, when a
// visitor first comes to a field. Properties and values are those of the event of the same step, or of the first event.
const form = document.getElementById("report");
const asked = new Map();

/** Whether the choice beside a property, or in the row of a value, says that it is a user's. */
function isOfUser(field) {
  const row = field.dataset.kind === "values" ? field.closest("fieldset") : field.closest(".field").nextElementSibling;
  return row?.querySelector("select[name*=whose]")?.value === "user";
}

function question(field) {
  if (field.dataset.kind !== "events" && isOfUser(field)) {
    return field.dataset.kind === "properties" ? "kind=users" : null;
  }
  const asks = new URLSearchParams({ kind: field.dataset.kind });
  if (field.dataset.kind !== "events") {
    const near = field.closest("[data-step]") ?? form;
    asks.set("event", near.querySelector("[data-kind=events]").value);
  }
  if (field.dataset.kind === "values") {
    const property = field.closest("fieldset").querySelector("[data-kind=properties]").value;
    if (!property) return null;
    asks.set("property", property);
  }
  return asks.toString();
}

async function suggest(field) {
  const asks = question(field);
  if (asks === null) return field.list.replaceChildren();
  if (!asked.has(asks)) {
    asked.set(asks, fetch(`${form.dataset.suggestions}?${asks}`).then((reply) => (reply.ok ? reply.json() : [])));
  }
  try {
    const texts = await asked.get(asks);
    field.list.replaceChildren(...texts.map((text) => new Option(text, text)));
  } catch {
    asked.delete(asks); // the server is away: the next visit to the field asks again
  }
}

for (const field of form.querySelectorAll("[data-kind]")) {
  field.addEventListener("focus", () => suggest(field));
}
