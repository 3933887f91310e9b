/* An inbox: what is ticked is counted, and keys act on the open row once they are switched on (RGAA
   12.10), anywhere on a page of ours but in text fields; in a panel only while the focus is inside it.
   Everything they do, a button does. */

const ON = "culture-feedback-shortcuts";
/* Inputs in which one does not type. */
const UNTYPED = ["checkbox", "radio", "button", "submit", "reset", "file", "range", "color"];
/* Documents and shadow roots that are listened to already. */
const heard = new WeakSet();

export function enhance(content) {
  const root = content.getRootNode();
  if (!heard.has(root)) {
    heard.add(root);
    root.addEventListener("keydown", (event) => react(root, event));
    root.addEventListener("click", (event) => refuseNothing(root, event));
    root.addEventListener("change", ({ target }) => changed(root, target));
  }
  const switches = content.querySelector("[data-shortcuts]");
  if (switches) {
    switches.hidden = false;
    switches.querySelector("[data-toggle]").checked = storage("getItem") === "1";
  }
  const all = content.querySelector("[data-all]");
  if (all) all.hidden = false;
  count(content);
}

function storage(action, value) {
  try {
    return localStorage[action](ON, value);
  } catch {
    return null; // it may be forbidden
  }
}

function changed(root, target) {
  if (target.matches("[data-toggle]")) storage("setItem", target.checked ? "1" : "0");
  if (target.closest("[data-all]")) {
    for (const box of boxes(root)) box.checked = target.checked;
  }
  if (target.matches("[data-check], [data-all] input, [name=scope]")) count(root, true);
}

function boxes(root) {
  return [...root.querySelectorAll("[data-inbox] [data-check]")];
}

/* Says how many are ticked where they are answered, which comes forward with the first of them. */
function count(root, opens = false) {
  const form = root.querySelector("#cf-bulk");
  if (!form) return;
  const ticked = boxes(root).filter((box) => box.checked).length;
  const whole = form.querySelector("[name=scope][value=view]");
  const number = whole?.checked ? whole.parentElement.textContent.match(/\d+/)[0] : ticked;
  const button = form.querySelector("[data-send]");
  const folded = form.closest("details");
  button.textContent = Number(number) ? button.dataset.some.replace("#", number) : button.dataset.none;
  button.setAttribute("aria-disabled", String(!Number(number)));
  folded.querySelector("[data-count]").textContent = ticked ? `(${ticked})` : "";
  folded.toggleAttribute("data-some", ticked > 0);
  if (opens && ticked) folded.open = true;
}

function refuseNothing(root, event) {
  const button = event.target.closest?.("#cf-bulk [data-send]");
  if (button?.getAttribute("aria-disabled") === "true") event.preventDefault();
}

function react(root, event) {
  const inbox = root.querySelector("[data-inbox]");
  if (!inbox || event.defaultPrevented) return;
  const [target] = event.composedPath();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const button = target.closest?.("[data-inbox] form")?.querySelector("[data-send]");
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    event.preventDefault();
    button.form.requestSubmit(button);
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyped(target)) return;
  if (!root.querySelector("[data-toggle]")?.checked || root.querySelector("dialog[open]")) return;
  const act = ACTS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act(inbox);
}

function isTyped(target) {
  if (target.isContentEditable || ["TEXTAREA", "SELECT"].includes(target.tagName)) return true;
  return target.tagName === "INPUT" && !UNTYPED.includes(target.type);
}

const ACTS = {
  j: (inbox) => inbox.querySelector("[data-after]")?.click(),
  k: (inbox) => inbox.querySelector("[data-before]")?.click(),
  x: (inbox) => inbox.querySelector(".cf-current [data-check]")?.click(),
  r: (inbox) => (field(inbox, "textarea[name=answer]") ?? inbox.querySelector("#cf-actions"))?.focus(),
  t: (inbox) => field(inbox, "select[name=template]")?.focus(),
  a: (inbox) => field(inbox, "select[name=assignee]")?.focus(),
};

/* A field of the form of many while something is ticked, otherwise of the open one. */
function field(inbox, selector) {
  const several = inbox.querySelector(".cf-several[data-some]");
  return (several ?? inbox.querySelector(".cf-inbox-pane"))?.querySelector(selector);
}
