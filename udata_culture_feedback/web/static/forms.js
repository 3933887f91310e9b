// What forms do besides being sent: they keep a draft, show what exists already while one types, and
// find what is named by a few words. Loaded where there is such a form. Without it the same forms
// work: the server does all of that once they are sent, but for the draft.

const KEYS = "culture-feedback:";
const ready = new WeakSet();
const pickers = new WeakMap(); // by their search field: what adds a choice

// `content`: where to look for forms. `viewer`: the mark of who is logged in, "" for nobody.
// `load(address, signal)`: the text of a fragment.
export function enhance(content, viewer, load) {
  const each = (selector, act) => {
    for (const element of content.querySelectorAll(selector)) {
      if (ready.has(element)) continue;
      ready.add(element);
      act(element);
    }
  };
  content.addEventListener("submit", save); // once, however often it is added
  content.addEventListener("click", aim);
  each("[data-sent]", (done) => forget(done.dataset.sent));
  each("[data-pick]", (picker) => makePicker(picker, load));
  each("[data-draft]", (form) => keepDraft(form, viewer));
  each("[data-similar]", (title) => lookAround(title, load));
  each("[data-limit]", countDown);
  each(".cf-criteria", goThrough);
  each("[data-inbox]", () => {
    import("./inbox.js").then(({ enhance }) => enhance(content), () => {});
  });
  each("[data-desk] [data-shortcuts]", () => {
    import("./moderation.js").then(({ enhance }) => enhance(content, load), () => {});
  });
}

// One form supports any of the requests that exist already: each has its own proof of work.
function aim({ target }) {
  const button = target.closest?.("button[data-proof]");
  if (button) button.form.dataset.proof = button.dataset.proof;
}

const make = (name, properties) => Object.assign(document.createElement(name), properties);

function debounced(delay, act) {
  let timer;
  const call = () => {
    clearTimeout(timer);
    timer = setTimeout(call.now, delay);
  };
  call.now = () => {
    call.cancel();
    act();
  };
  call.cancel = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  call.flush = () => timer && call.now();
  return call;
}

// --- Drafts -----------------------------------------------------------------------------------
// In the storage of this tab, written on typing only: who types, a space, then triples of the name,
// the value and, for what was picked, the label. Never a name, an address, or what the server put
// there.

const UNKEPT = /^(hidden|password|email|file|search|submit|button|reset|image)$/;
const unsaved = new Set();
const save = () => unsaved.forEach((write) => write.flush());
addEventListener("pagehide", save);

// Storage may be forbidden, or full.
function storage(action, name, value) {
  try {
    return sessionStorage[action](KEYS + name, value);
  } catch {
    return null;
  }
}

export const forget = (name) => storage("removeItem", name);

const isChoice = (field) => field.type === "radio" || field.type === "checkbox";

const kept = (form) =>
  [...form.elements].filter(
    (field) =>
      field.name &&
      !UNKEPT.test(field.type) &&
      !/^(name|email)$/.test(field.name) &&
      !/name|email|password/.test(field.autocomplete ?? ""),
  );

const state = (form) =>
  kept(form)
    .filter((field) => !isChoice(field) || field.checked)
    .map((field) => {
      const picked = field.closest("[data-picked]") && field.labels[0].textContent.trim();
      return picked ? [field.name, field.value, picked] : [field.name, field.value];
    });

function isAsServed(field) {
  if (isChoice(field)) return field.checked === field.defaultChecked;
  if (!field.options) return field.value === field.defaultValue;
  const served = [...field.options].find((option) => option.defaultSelected) ?? field.options[0];
  return served?.selected ?? true;
}

const untouched = (form) => kept(form).every(isAsServed);

function keepDraft(form, viewer) {
  const name = form.getAttribute("data-draft"); // `form.dataset` may be a field of that name
  const note = form.querySelector("[data-draft-note]");
  const write = debounced(300, () => {
    unsaved.delete(write);
    if (untouched(form) && !form.hasAttribute("data-kept")) forget(name);
    else storage("setItem", name, `${viewer} ${JSON.stringify(state(form))}`);
  });
  const drop = () => {
    write.cancel();
    unsaved.delete(write);
    forget(name);
  };

  const changed = () => {
    unsaved.add(write);
    write();
  };

  restore();
  form.addEventListener("input", changed);
  form.addEventListener("click", (event) => event.target.closest("[data-discard]") && drop());
  note?.querySelector("button").addEventListener("click", () => {
    form.querySelectorAll("[data-added]").forEach((added) => added.remove());
    form.reset();
    form.dispatchEvent(new CustomEvent("culture-feedback-reset"));
    form.removeAttribute("data-typed");
    drop();
    note.hidden = true;
    kept(form)[0].focus();
  });

  function restore() {
    const clean = untouched(form);
    if (!clean) changed(); // typed while this part was on its way
    const stored = storage("getItem", name);
    if (!stored) return;
    const [by, text] = [stored.slice(0, stored.indexOf(" ")), stored.slice(stored.indexOf(" ") + 1)];
    // Somebody else's words, on a computer that is shared: forgotten as soon as it is sure, and
    // meanwhile not shown.
    if (by && by !== viewer) return viewer && forget(name);
    const here = JSON.stringify(state(form));
    if (form.hasAttribute("data-kept") || (clean && here === text) || (!clean && here !== text)) return;
    if (clean) fill(form, JSON.parse(text));
    note.hidden = false;
  }
}

function fill(form, saved) {
  for (const [name, value, label] of saved) {
    if (label) pickers.get(form.elements[`${name}_q`])?.(value, label);
  }
  for (const field of kept(form)) {
    const values = saved.filter(([name]) => name === field.name).map(([, value]) => value);
    const before = [field.value, field.checked].join();
    if (isChoice(field)) field.checked = values.includes(field.value);
    else if (values.length && (!field.options || [...field.options].some((o) => o.value === values[0])))
      field.value = values[0];
    const folded = before !== [field.value, field.checked].join() && field.closest("details");
    if (folded) folded.open = true;
  }
}

// --- What exists already ----------------------------------------------------------------------

function lookAround(title, load) {
  const [count, list] = title.form.querySelector("[data-similar-things]").children;
  let latest;
  const show = (fragment) => {
    const found = parsed(fragment);
    // Said aloud: how many there are, and not the whole list.
    const words = found.querySelector("[data-count]");
    words?.remove();
    count.textContent = words?.textContent.replace(/\s+/g, " ").trim() ?? "";
    list.replaceChildren(found);
    // What was shown for this title need not be shown again once it is sent.
    if (words && !title.form.elements.checked) {
      title.form.append(make("input", { type: "hidden", name: "checked", value: "1", className: "cf-shown" }));
    }
  };
  const look = debounced(400, async () => {
    const { signal } = (latest = new AbortController());
    try {
      const fragment = await load(asking(title.dataset.similar, title.value), signal);
      if (!signal.aborted) show(fragment);
    } catch {
      if (!signal.aborted) show("");
    }
  });
  const changed = () => {
    latest?.abort();
    title.form.querySelector(".cf-shown")?.remove();
    if (title.value.trim().length >= 3) look();
    else {
      look.cancel();
      show("");
    }
  };
  // Restored, or come with the address; the server may have shown it already.
  if (title.value.trim() && !title.form.elements.checked) changed();
  title.addEventListener("input", changed);
  title.form.addEventListener("culture-feedback-reset", changed);
}

const asking = (address, text) =>
  `${address}${address.includes("?") ? "&" : "?"}q=${encodeURIComponent(text.trim())}`;

function parsed(fragment) {
  const template = make("template", { innerHTML: fragment });
  return template.content;
}

// --- Pickers: a combobox whose list has options for what is typed ------------------------------

let lists = 0;

function makePicker(picker, load) {
  const several = "several" in picker.dataset;
  const picked = picker.querySelector("[data-picked]");
  const input = picker.querySelector("[type=search]");
  const name = input.name.replace(/_q$/, "");
  const needed = input.required;
  const id = `cf-options-${++lists}`;
  const list = make("ul", { className: "cf-options", id, hidden: true });
  const status = make("p", { className: "cf-hint" });
  let options = [];
  let active = -1;
  let latest;

  set(list, { role: "listbox", "aria-label": input.labels[0].textContent });
  set(status, { role: "status" });
  set(input, { role: "combobox", "aria-autocomplete": "list", "aria-controls": id, "aria-expanded": "false" });
  input.after(status, list);
  pickers.set(input, add);

  function close() {
    latest?.abort();
    look.cancel();
    propose([]);
  }

  function propose(found) {
    options = found;
    options.forEach((option, i) => set(option, { role: "option", id: `${id}-${i}` }));
    list.replaceChildren(...options);
    list.hidden = !options.length;
    set(input, { "aria-expanded": String(!list.hidden) });
    mark(-1);
  }

  function mark(place) {
    active = place;
    options.forEach((option, i) => set(option, { "aria-selected": String(i === place) }));
    if (place < 0) input.removeAttribute("aria-activedescendant");
    else set(input, { "aria-activedescendant": options[place].id });
    options[place]?.scrollIntoView({ block: "nearest" });
  }

  function open(fragment) {
    const found = parsed(fragment);
    status.textContent = found.querySelector("[data-count]")?.textContent ?? "";
    propose([...found.querySelectorAll("[data-value]")]);
  }

  const look = debounced(250, async () => {
    latest?.abort();
    const { signal } = (latest = new AbortController());
    try {
      const fragment = await load(asking(picker.dataset.pick, input.value), signal);
      if (!signal.aborted) open(fragment);
    } catch {
      if (!signal.aborted) close(); // the search is made once the form is sent
    }
  });

  function add(value, label) {
    let field = [...picked.querySelectorAll("input")].find((one) => one.value === value);
    if (!field) {
      if (!several) picked.querySelectorAll("[data-added]").forEach((added) => added.remove());
      field = make("input", { type: several ? "checkbox" : "radio", name, value });
      const line = make("label", { className: "cf-choice" });
      line.dataset.added = "";
      line.append(field, " ", make("span", { textContent: label }));
      picked.prepend(line);
    }
    field.checked = true;
    input.required = false;
    return field;
  }

  function choose(option) {
    const label = option.firstElementChild.textContent;
    const field = add(option.dataset.value, label);
    input.value = "";
    close();
    status.textContent = picker.dataset.chosen.replace("#", label);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  picked.addEventListener("change", () => {
    input.required = needed && !picked.querySelector(":checked");
  });
  picker.form?.addEventListener("culture-feedback-reset", () => {
    status.textContent = "";
    input.required = needed;
  });
  input.addEventListener("input", () => {
    latest?.abort();
    if (input.value.trim().length >= 2) look();
    else {
      close();
      status.textContent = "";
    }
  });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const { key } = event;
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (key === "ArrowDown" || key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) return input.value.trim().length >= 2 && look.now();
      const step = key === "ArrowDown" ? 1 : -1;
      const from = active < 0 && step < 0 ? 0 : active;
      mark((from + step + options.length) % options.length);
    } else if (key === "Enter" && input.value.trim()) {
      event.preventDefault(); // not yet what would be sent
      if (list.hidden) look.now();
      else if (active >= 0 || options.length === 1) choose(options[Math.max(active, 0)]);
    } else if (key === "Escape" && !list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      close();
    }
  });
  // The input keeps the focus.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) choose(option);
  });
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

// --- How many characters are left -------------------------------------------------------------

function countDown(area) {
  const counter = area.parentElement.querySelector("[data-counter]");
  const count = () => {
    const left = Number(area.dataset.limit) - [...area.value].length;
    const words = left < 0 ? area.dataset.over : area.dataset.left;
    counter.textContent = left < 1000 ? words.replace("#", Math.abs(left)) : "";
  };
  area.addEventListener("input", count);
  count();
}

// --- Criteria: the next opens once one of them has a value -------------------------------------

function goThrough(criteria) {
  criteria.addEventListener("change", ({ target }) => {
    const next = target.closest("details").nextElementSibling;
    if (next) next.open = true;
  });
}
