// What sends the forms of the widget: loaded when somebody turns to one of them, with what the element
// lends (`#lent` in embed.js). Whatever goes wrong is thrown: the element says so. `signal` is aborted
// when something newer is asked for: its answer is then not shown.

// Without an account a form carries a proof of work, begun when somebody turns to it. Without one
// it leads to a confirmation by e-mail.
export function turn(form, proof) {
  if (form.getAttribute("data-proof")) import(proof).then(({ begin }) => begin(form), () => {});
}

export async function send(form, submitter, signal, { element, address, fetch, show, forms, proof }) {
  forms(); // on its way while the answer is
  const fields = new FormData(form, submitter);
  const action = submitter?.getAttribute("formaction") ?? form.getAttribute("action");
  const part = form.closest("[data-part]")?.id;
  if (form.getAttribute("data-proof")) {
    const proven = await import(proof).then(({ prove }) => prove(form), () => ({}));
    for (const [name, value] of Object.entries(proven)) fields.set(name, value);
  }
  const answer = await fetch(address(action), {
    method: "POST",
    body: fields,
    headers: { "X-Culture-Feedback": "form" },
  });
  if (!(await show(answer, signal, { part }))) throw new Error(answer.statusText);
  // What was too long to be read has come back empty.
  const shown = element.shadowRoot.getElementById(part) ?? element.shadowRoot;
  for (const area of shown.querySelectorAll("textarea")) {
    if (!answer.ok) area.value ||= fields.get(area.name) ?? "";
  }
  if (answer.ok) element.dispatchEvent(new CustomEvent("culture-feedback-change", { bubbles: true }));
}

// The filters of a list, in the part that they are in.
export function filter(form, submitter, _signal, { address, load }) {
  const wanted = address(form.getAttribute("action"));
  for (const [name, value] of new FormData(form, submitter)) {
    if (value) wanted.searchParams.append(name, value);
  }
  const part = form.closest(".cf-dashboard, .cf-moderation").id;
  return load(wanted, { part, focus: "cf-title", instead: wanted });
}

// Somebody else uses this tab now: nothing of who used it before stays.
export function forget(wanted, { load }) {
  for (const name of Object.keys(sessionStorage)) {
    if (name.startsWith("culture-feedback:")) sessionStorage.removeItem(name);
  }
  load(wanted, { focus: "cf-title" });
}
