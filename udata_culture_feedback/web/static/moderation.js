/* Keyboard shortcuts of the queue of moderators, once they have been switched on (RGAA 12.10): they
   act anywhere on the page but in text fields, on the active text. Everything they do, a button
   does. */

const ON = "culture-feedback-shortcuts";
const PLACE = "culture-feedback-place";
/* Inputs in which one does not type. */
const UNTYPED = ["checkbox", "radio", "button", "submit", "reset", "file", "range", "color"];

const panel = document.querySelector("[data-shortcuts]");
const items = [...document.querySelectorAll("[data-item]")];
let active = items[0];

if (panel && items.length) {
  const toggle = panel.querySelector("[data-toggle]");
  panel.hidden = false;
  toggle.checked = localStorage.getItem(ON) === "1";
  toggle.addEventListener("change", () => {
    localStorage.setItem(ON, toggle.checked ? "1" : "0");
    mark(toggle.checked ? active : null);
  });
  for (const item of items) item.addEventListener("focusin", () => toggle.checked && mark(item));
  document.addEventListener("keydown", (event) => toggle.checked && react(event));
  const place = Number(sessionStorage.getItem(PLACE));
  sessionStorage.removeItem(PLACE);
  if (toggle.checked) {
    mark(items[Math.min(place || 1, items.length) - 1]);
    // What was just done is read with the text that has the focus.
    if (document.getElementById("cf-done")) active.setAttribute("aria-describedby", "cf-done");
    // Once the browser has gone where the address says.
    if (place) addEventListener("load", () => requestAnimationFrame(() => active.focus()));
  }
}

/* Shows which text the keys are about; null: none. */
function mark(item) {
  for (const one of items) {
    one.tabIndex = item ? 0 : -1;
    one.toggleAttribute("data-active", one === item);
    if (!item) one.removeAttribute("tabindex");
  }
  if (item) active = item;
}

function react(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const [target] = event.composedPath();
  if (isTyped(target) || document.querySelector("dialog[open]")) return;
  const act = /^[1-9]$/.test(event.key) ? refuse(Number(event.key)) : ACTS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act(active);
}

function isTyped(target) {
  if (target.isContentEditable || ["TEXTAREA", "SELECT"].includes(target.tagName)) return true;
  return target.tagName === "INPUT" && !UNTYPED.includes(target.type);
}

/* Refuses a text for the reason of that number, in the order of the list of keys. */
function refuse(number) {
  const reason = panel.querySelector(`[data-reason="${number}"]`)?.dataset.id;
  return (item) => {
    const choice = item.querySelector(`select[name^="reason:"]`);
    if (!reason || ![...(choice?.options ?? [])].some((one) => one.value === reason)) return;
    choice.value = reason;
    leave(item, choice.closest("details").querySelector("button[name=one]"));
  };
}

const ACTS = {
  j: (item) => step(item, 1),
  k: (item) => step(item, -1),
  x: (item) => check(item).click(),
  a: () => {
    const all = items.every((item) => check(item).checked);
    for (const item of items) check(item).checked = !all;
  },
  p: (item) => press(item, "publish", '[data-key="p"]'),
  s: (item) => press(item, "refuse", '[data-key="s"]'),
  o: (item) => {
    // What will remain is seen before it is published.
    const choices = item.querySelector("details:has([data-redact])");
    if (choices?.open) leave(item, choices.querySelector("[data-redact]"));
    else if (choices) choices.open = true;
  },
  u: (item) => leave(item, document.querySelector("[data-undo]")),
};

for (const remains of document.querySelectorAll("[data-remains]")) {
  remains.closest("details").addEventListener("input", () => showWhatRemains(remains));
}

function showWhatRemains(remains) {
  const choices = remains.closest("details");
  const found = [...choices.querySelectorAll("input:checked")].map((box) => box.value);
  const typed = choices.querySelector("textarea").value.split("\n").map((line) => line.trim());
  const gone = [...found, ...typed].filter((words) => words.length > 2).sort((a, b) => b.length - a.length);
  for (const words of remains.querySelectorAll("[data-text]")) {
    words.textContent = gone.reduce(
      (text, one) => text.replaceAll(one, () => remains.dataset.remains),
      words.dataset.text,
    );
  }
}

function step(item, by) {
  const next = items[items.indexOf(item) + by];
  if (!next) return;
  mark(next);
  next.focus();
}

function check(item) {
  return item.querySelector("[data-check]");
}

/* What is checked, if anything is; otherwise this text. */
function press(item, bulk, selector) {
  if (items.some((one) => check(one).checked)) {
    const form = item.closest("form");
    form.elements.scope.value = "checked";
    if (bulk === "refuse") form.elements.reason.value = "spam";
    leave(item, form.querySelector(`[data-bulk="${bulk}"]`));
  } else {
    leave(item, item.querySelector(selector));
  }
}

/* Presses a button, which leads to the page as it will be: the focus comes back to where it was. */
function leave(item, button) {
  if (!button) return;
  sessionStorage.setItem(PLACE, String(items.indexOf(item) + 1));
  button.click();
}
