/* What the queue of moderators does besides being read and sent: keyboard shortcuts, once they have
   been switched on (RGAA 12.10), and what the author of the active text has said, beside it. On a
   page of ours keys act anywhere but in text fields, in a panel only while the focus is in it.
   Everything they do, a button does. */

const ON = "culture-feedback-shortcuts";
const PLACE = "culture-feedback-place";
/* Inputs in which one does not type. */
const UNTYPED = ["checkbox", "radio", "button", "submit", "reset", "file", "range", "color"];
/* How long a text has to be active before what stands beside it is asked for, in milliseconds. */
const SOON = 150;

const desks = new WeakMap(); // by the document or the shadow root that they are in

/* `load(address, signal)`: the text of a fragment. */
export function enhance(content, load) {
  const panel = content.querySelector("[data-desk] [data-shortcuts]");
  const scope = panel.getRootNode();
  if (desks.get(scope)?.panel === panel) return;
  // One listener, whatever is shown later.
  if (!desks.has(scope)) scope.addEventListener("keydown", (event) => desks.get(scope).react(event));
  desks.set(scope, new Desk(content, panel, scope, load));
}

class Desk {
  constructor(content, panel, scope, load) {
    Object.assign(this, { content, panel, scope, load });
    this.items = [...content.querySelectorAll("[data-item]")];
    this.toggle = panel.querySelector("[data-toggle]");
    panel.hidden = false;
    this.toggle.checked = localStorage.getItem(ON) === "1";
    this.toggle.addEventListener("change", () => {
      localStorage.setItem(ON, this.toggle.checked ? "1" : "0");
      this.mark(this.active);
    });
    for (const item of this.items) item.addEventListener("focusin", () => this.turn(item));
    const all = panel.querySelector("[data-all]");
    all?.addEventListener("change", () => this.checkAll(all.checked));
    content.addEventListener("change", () => this.count());
    for (const remains of content.querySelectorAll("[data-remains]")) {
      remains.closest("details").addEventListener("input", () => showWhatRemains(remains));
    }
    const place = Number(sessionStorage.getItem(PLACE));
    sessionStorage.removeItem(PLACE);
    this.mark(this.items[Math.min(place || 1, this.items.length) - 1]);
    if (place && this.toggle.checked) this.comeBack();
  }

  /* The focus is where it was. What was just done is read with the text that has it. */
  comeBack() {
    if (!this.active || this.content.querySelector(".cf-errors")) return;
    if (this.content.querySelector("#cf-done")) this.active.setAttribute("aria-describedby", "cf-done");
    const focus = () => requestAnimationFrame(() => this.active.focus());
    // Once the browser has gone where the address says.
    if (document.readyState === "complete") focus();
    else addEventListener("load", focus);
  }

  /* Shows which text the keys are about. */
  mark(item) {
    const on = this.toggle.checked;
    this.content.querySelector("[data-desk]")?.toggleAttribute("data-keys", on);
    for (const one of this.items) {
      one.tabIndex = on ? 0 : -1;
      one.toggleAttribute("data-active", on && one === item);
    }
    this.active = item;
  }

  turn(item) {
    this.mark(item);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.lookBeside(item).catch(() => {}), SOON);
  }

  /* What its author has said; and if somebody has decided about it meanwhile, that, in its place. */
  async lookBeside(item) {
    const pane = this.scope.getElementById("cf-beside");
    if (!pane || pane.dataset.of === item.id) return;
    this.asked?.abort();
    this.asked = new AbortController();
    const link = item.querySelector("[data-beside]")?.getAttribute("href").replace(/#.*/, "");
    const fresh = document.createElement("template");
    if (link) {
      const level = this.scope === document ? "&level=1" : "";
      const address = `${link}${link.includes("?") ? "&" : "?"}as=fragment${level}`;
      fresh.innerHTML = await this.load(address, this.asked.signal);
    }
    const renewed = fresh.content.querySelector("#cf-beside");
    if (renewed) pane.replaceWith(renewed);
    else pane.replaceChildren();
    this.scope.getElementById("cf-beside").dataset.of = item.id;
    const decided = fresh.content.querySelector(".cf-stale");
    if (decided) this.renew(item, decided);
  }

  renew(item, decided) {
    const focused = item.contains(this.scope.activeElement);
    const at = this.items.indexOf(item);
    item.replaceWith(decided);
    this.items.splice(at, 1);
    this.mark(this.items[Math.min(at, this.items.length - 1)]);
    if (focused) decided.focus();
  }

  react(event) {
    if (!this.toggle.checked || !this.panel.isConnected || event.defaultPrevented) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [target] = event.composedPath();
    if (isTyped(target) || document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    const act = ACTS[key] ?? (/^[1-9ps]$/.test(key) && ((desk) => desk.decide(key)));
    if (!act || !(this.active || key === "u")) return;
    event.preventDefault();
    act(this, this.active);
  }

  step(by) {
    const next = this.items[this.items.indexOf(this.active) + by];
    next?.focus();
  }

  checkAll(checked) {
    for (const item of this.items) check(item).checked = checked;
    this.count();
  }

  /* How many texts the checked groups have, where their number has to be typed. */
  count() {
    const sum = this.content.querySelector("[data-sum]");
    const counted = [...this.content.querySelectorAll("[data-count]:checked")];
    if (sum && counted.length) sum.textContent = counted.reduce((n, one) => n + Number(one.dataset.count), 0);
  }

  /* What is checked or chosen, if anything is; otherwise the active text. */
  decide(key) {
    const form = this.active.closest("form");
    const chosen = [...form.elements.scope].some((one) => one.checked && !one.defaultChecked);
    if (!chosen && !this.items.some((item) => check(item).checked)) {
      this.press(this.active.querySelector(`[data-key="${key}"]`));
    } else if (key === "p") {
      this.press(form.querySelector("[data-bulk=publish]"));
    } else {
      form.elements.reason.value = key === "s" ? "spam" : this.reason(key);
      if (form.elements.reason.value) this.press(form.querySelector("[data-bulk=refuse]"));
    }
  }

  reason(number) {
    return this.panel.querySelector(`[data-reason="${number}"]`)?.dataset.id ?? "";
  }

  /* Presses a button, which leads to the page as it will be: the focus comes back to where it was. */
  press(button) {
    if (!button) return;
    sessionStorage.setItem(PLACE, String(this.items.indexOf(this.active) + 1 || 1));
    button.click();
  }
}

const ACTS = {
  j: (desk) => desk.step(1),
  k: (desk) => desk.step(-1),
  x: (_desk, item) => check(item).click(),
  a: (desk) => desk.checkAll(!desk.items.every((item) => check(item).checked)),
  f: (_desk, item) => {
    const form = item.closest("form");
    form.querySelector("[data-whole]")?.click();
    form.elements.number?.focus();
  },
  o: (desk, item) => {
    // What will remain is seen before it is published.
    const choices = item.querySelector("details:has([data-redact])");
    if (choices?.open) desk.press(choices.querySelector("[data-redact]"));
    else if (choices) choices.open = true;
  },
  u: (desk) => desk.press(desk.content.querySelector("[data-undo]")),
};

function isTyped(target) {
  if (target.isContentEditable || ["TEXTAREA", "SELECT"].includes(target.tagName)) return true;
  return target.tagName === "INPUT" && !UNTYPED.includes(target.type);
}

function check(item) {
  return item.querySelector("[data-check]");
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
