/* Keyboard shortcuts of the queue of moderators: only while a text has the focus, and only once they
   have been switched on (RGAA 12.10). Everything they do, a button does. */

const ON = "culture-feedback-shortcuts";
const PLACE = "culture-feedback-place";

const panel = document.querySelector("[data-shortcuts]");
const items = [...document.querySelectorAll("[data-item]")];

if (panel && items.length) {
  const toggle = panel.querySelector("[data-toggle]");
  panel.hidden = false;
  toggle.checked = sessionStorage.getItem(ON) === "1";
  toggle.addEventListener("change", () => switchTo(toggle.checked));
  switchTo(toggle.checked);
  const place = Number(sessionStorage.getItem(PLACE));
  sessionStorage.removeItem(PLACE);
  if (toggle.checked && place) {
    const item = items[Math.min(place, items.length) - 1];
    // What was just done is read with the text that has the focus.
    if (document.getElementById("cf-done")) item.setAttribute("aria-describedby", "cf-done");
    // Once the browser has gone where the address says.
    addEventListener("load", () => requestAnimationFrame(() => item.focus()));
  }
}

function switchTo(on) {
  sessionStorage.setItem(ON, on ? "1" : "0");
  for (const item of items) {
    if (on) item.tabIndex = 0;
    else item.removeAttribute("tabindex");
    item.onkeydown = on ? react : null;
  }
}

function react(event) {
  const item = event.currentTarget;
  if (event.target !== item || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = ACTS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act(item);
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
  items[items.indexOf(item) + by]?.focus();
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
