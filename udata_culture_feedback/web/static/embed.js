// The loader of udata-culture-feedback. It defines <culture-feedback dataset-id="…">, which fetches
// the fragment of its dataset into an open shadow root and sends its forms, and
// <culture-feedback-panel src="pages/…">, which does so with any other page of ours; then it places
// them where a front-end knows nothing of them. No dependency, no build.

const settings = /*! settings */ {};
const base = new URL(".", import.meta.url);
const asset = (name) => new URL(`static/${settings.version}/${name}`, base).href;

// Stylesheets, once for all elements of the page. A constructed sheet needs no exception in the CSP.
const sheets = new Map();
const style = (address) => {
  const { href } = new URL(address, base);
  // How the question looks has come with this script: one way to and fro less.
  const written = href === asset("core.css") && settings.looks;
  const asked = sheets.get(href) ?? (written ? Promise.resolve(construct(written)) : fetchStyle(href));
  sheets.set(href, asked);
  return asked.catch(() => {
    sheets.delete(href); // shown without style now, asked for again next time
    return [];
  });
};

// How the rest looks is asked for once the question is there.
const restOfStyle = async () =>
  (await Promise.all([style(asset("tokens.css")), style(asset("widget.css"))])).flat();

async function fetchStyle(href) {
  const answer = await fetch(href, { credentials: "omit" });
  if (!answer.ok) throw new Error(answer.statusText);
  return construct(await answer.text());
}

function construct(text) {
  const made = new CSSStyleSheet();
  made.replaceSync(text);
  return [made];
}

// With the session where the server trusts this page's origin, otherwise as nobody: a refused
// request with credentials would be shouted in the console of the host.
const isHome = location.origin === base.origin;
const isTrusted = isHome || settings.origins?.includes(location.origin);
const credentials = isTrusted && !isHome ? "include" : "same-origin";

// With the token of a host that has one of its own instead (OAuth), and then without the session.
const tokenOf = (element) => element.getToken ?? window.cultureFeedback?.getToken;

async function ask(element, address, options = {}) {
  const token = await (async () => tokenOf(element)?.())().catch(() => {});
  const headers = { ...options.headers, ...(token && { Authorization: `Bearer ${token}` }) };
  // What a hint has fetched was fetched for nobody in particular.
  const own = isHinted(address) && Object.keys(headers).length ? "&own" : "";
  return fetch(address + own, {
    ...options,
    headers,
    // What the browser has kept was said to nobody: somebody may have logged in since.
    cache: "no-cache",
    credentials: token ? "omit" : credentials,
  });
}

// Whether the page has told the browser to fetch this while our script was still on its way.
const isHinted = (address) =>
  [...document.querySelectorAll("link[rel=preload]")].some(({ href }) => href === String(address));

// How fields look comes with the first of them, which is not the question.
const fields = ".cf-field, .cf-choice, select, textarea";

// What forms do besides being sent comes with the first such form. They are sent without it too.
const enhanced = "[data-draft], [data-similar], [data-pick], [data-shortcuts]";
const forms = () => import(asset("forms.js")).catch(() => {});

// What was begun in this tab (see forms.js). Storage may be forbidden.
const drafts = (action, name) => {
  try {
    return sessionStorage[action](`culture-feedback:${name}`);
  } catch {
    return null;
  }
};

// What sends a form comes when somebody turns to one. An import that has failed would be remembered as
// such: the next one has another name.
let tries = 0;
const sending = () =>
  import(`${asset("sending.js")}#${tries}`).catch((error) => {
    tries++;
    throw error;
  });

// By which this tab is recognised where it has sent something without an account (see proof.js). A
// request that nobody sends is not asked about beforehand.
const identity = () => {
  const token = drafts("getItem", "token")?.split(" ", 1)[0];
  return token ? { "X-Culture-Feedback-Token": token } : {};
};

class CultureFeedback extends HTMLElement {
  static observedAttributes = ["dataset-id", "remote-id", "src", "lang", "heading-level", "hidden"];

  // Resolved once it is shown, or there is no hurry: it is far from what is seen.
  #settle;
  settled = new Promise((resolve) => (this.#settle = resolve));

  #root; // in the shadow root: the status, the content, the slot for the link of the host
  #status;
  #content;
  #due; // a look at the attributes to come
  #wanted; // the address that is shown, or being fetched
  #latest; // its signal is aborted when something newer is asked for
  #viewer; // who was logged in when it was shown, as a mark
  #asked = false; // what is wanted has been asked for
  #sending = false;
  #back = false; // it was hidden: somebody may have logged in meanwhile
  #file; // the name of the file that somebody has just downloaded
  // Nothing is fetched before somebody may see it.
  #near = new IntersectionObserver(
    (entries) => (entries.at(-1).isIntersecting ? this.#now() : this.#settle()),
    { rootMargin: "100% 0px" },
  );

  connectedCallback() {
    if (!this.shadowRoot) this.#build();
    document.addEventListener("visibilitychange", this.#seenAgain);
    window.addEventListener("pageshow", this.#seenAgain);
    this.#soon();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#seenAgain);
    window.removeEventListener("pageshow", this.#seenAgain);
    this.#soon();
  }

  attributeChangedCallback(name, _before, value) {
    this.#back ||= name === "hidden" && value === null;
    this.#soon();
  }

  // Brings somebody here, from the link of a tab bar for instance.
  async come() {
    if (!this.#asked) await this.#now();
    this.scrollIntoView();
    this.#reach("cf-title");
  }

  // The question is about the file that somebody has just downloaded.
  downloaded(name) {
    this.#file = name;
    if (this.#asked) this.#name();
    else this.#now();
  }

  #build() {
    const shadow = this.attachShadow({ mode: "open" });
    // What is announced lives outside what is replaced: a live region must exist beforehand.
    shadow.innerHTML = '<div class="cf"><p class="cf-hidden" role="status"></p><div></div><slot></slot></div>';
    this.#root = shadow.firstChild;
    [this.#status, this.#content] = this.#root.children;
    shadow.addEventListener("submit", (event) => this.#submit(event));
    shadow.addEventListener("click", (event) => this.#click(event));
    for (const turn of ["pointerover", "focusin"]) {
      shadow.addEventListener(turn, (event) => this.#turn(event));
    }
    shadow.addEventListener("input", ({ target }) => target.form?.setAttribute("data-typed", ""));
  }

  // Attributes are set one after the other, and frameworks move elements: look once, afterwards.
  #soon() {
    this.#due ??= Promise.resolve().then(() => {
      this.#due = undefined;
      const source = this.isConnected && this.#source;
      const wanted = source ? this.#address(source).href : "";
      const back = this.#back;
      this.#back = false;
      if (wanted === this.#wanted) return back && this.#again();
      if (!this.isConnected && this.#viewer !== undefined) return; // may come back as it is
      this.#wanted = wanted;
      this.#asked = false;
      this.#file = undefined;
      this.#near.disconnect();
      // What is still shown is about something else.
      if (this.#viewer !== undefined) this.#content.ariaBusy = "true";
      if (wanted && (this.#isNamed || isHinted(wanted))) this.#now();
      else if (wanted) this.#near.observe(this);
      else if (this.#next() && this.#root) this.#retreat();
    });
  }

  get #source() {
    // `dataset` only in static HTML: the DOM has taken that name.
    const id = this.getAttribute("dataset-id") || this.getAttribute("dataset");
    if (id) return `pages/datasets/${encodeURIComponent(id)}/`;
    const remote = this.getAttribute("remote-id");
    const from = { id: remote, source: this.getAttribute("remote-source") ?? "" };
    if (remote) return `pages/remote/?${new URLSearchParams(from)}`;
    const address = new URL(this.getAttribute("src") ?? "", base).href;
    return address !== base.href && address.startsWith(base.href) && address;
  }

  #now() {
    this.#near.disconnect();
    this.#asked = true;
    return this.#wanted && this.#load(this.#wanted);
  }

  #address(path) {
    const address = new URL(path, base);
    const language = this.lang || this.closest("[lang]")?.lang;
    if (language && !address.searchParams.has("lang")) address.searchParams.set("lang", language);
    address.searchParams.set("as", "fragment");
    if (!address.searchParams.has("level")) {
      address.searchParams.set("level", this.getAttribute("heading-level") || "2");
    }
    address.hash = "";
    return address;
  }

  #next() {
    this.#latest?.abort();
    this.#latest = new AbortController();
    return this.#latest.signal;
  }

  async #load(address, options = {}) {
    const signal = this.#next();
    let shown = false;
    try {
      const answer = await ask(this, address, { signal, headers: identity() });
      shown = await this.#show(answer, signal, options);
    } catch {
      // Nothing to say: the page of the host is not ours.
    }
    this.#settle();
    if (signal.aborted || shown || options.quiet) return;
    if (options.instead) location.assign(options.instead);
    else this.#retreat();
  }

  // There is nothing to show: the link inside the element leads to the same page.
  #retreat() {
    this.#viewer = undefined;
    this.#status.textContent = "";
    this.#content.replaceChildren();
    this.#root.append(this.#root.querySelector("slot") ?? document.createElement("slot"));
  }

  // Shows a fragment, or only its `part`; with `ifOther`, only if somebody else has logged in.
  async #show(answer, signal, { part, focus, ifOther } = {}) {
    // Anything else (the login page of a proxy, an error page) is not ours to show.
    if (answer.headers.get("X-Culture-Feedback") !== "fragment") return false;
    const [text, sheets] = [await answer.text(), [...(await style(asset("core.css")))]];
    const template = document.createElement("template");
    template.innerHTML = text;
    const fresh = template.content;
    if (fresh.querySelector(fields)) sheets.push(...(await style(asset("forms.css"))));
    for (const link of fresh.querySelectorAll("link[rel=stylesheet]")) {
      sheets.push(...(await style(link.getAttribute("href"))));
      link.remove();
    }
    const all = this.#root.matches(".cf-all"); // it is there already
    if (all || !fresh.querySelector(".cf-later")) sheets.push(...(await restOfStyle()));
    const more = fresh.querySelector(enhanced) && (await forms());
    if (signal.aborted) return true;
    const { lang, dir, dataset } = fresh.firstElementChild;
    if (ifOther && dataset.viewer === this.#viewer) return true;

    const first = this.#viewer === undefined;
    const before = this.shadowRoot.activeElement;
    const [old, renewed] = [this.shadowRoot, fresh].map((tree) => part && tree.getElementById(part));
    const inPart = old && renewed;
    const done = fresh.querySelector(".cf-done[role=status]");
    if (done?.dataset.sent) drafts("removeItem", done.dataset.sent);
    // What was done is seen in its place, and only said here.
    done?.removeAttribute("role");
    this.#viewer = dataset.viewer;
    this.shadowRoot.adoptedStyleSheets = sheets;
    Object.assign(this.#root, { lang, dir });
    this.#content.ariaBusy = null;
    this.#root.querySelector("slot")?.remove();
    if (inPart) old.replaceWith(renewed);
    else this.#content.replaceChildren(fresh);

    const errors = (inPart ? renewed : this.#content).querySelector(".cf-errors");
    this.#content.querySelectorAll("[data-login]").forEach((link) => this.#comeBack(link));
    more?.enhance(this.#content, this.#viewer, this.#fragment);
    this.#name();
    if (errors) errors.focus();
    else if (focus || (before && !before.isConnected)) {
      this.#reach(focus || (inPart ? `${part}-heading` : "cf-title"), done);
    } else if (first) this.#arrive();
    this.#status.textContent = done?.textContent ?? "";
    if (!part) this.#goOn(first);
    restOfStyle().then((rest) => {
      if (!signal.aborted) this.shadowRoot.adoptedStyleSheets = [...new Set([...sheets, ...rest])];
      this.#root.classList.add("cf-all");
    });
    return true;
  }

  #name() {
    const question = this.#file && this.#content.querySelector("[data-downloaded]");
    if (question) question.textContent = question.dataset.downloaded.replace("#", () => this.#file);
  }

  #turn({ target }) {
    const form = target.closest("form");
    if (form) sending().then(({ turn }) => turn(form, asset("proof.js")), () => {});
  }

  // What sending.js works with.
  #lent = {
    element: this,
    address: (path) => this.#address(path),
    fetch: (address, options) => ask(this, address, options),
    show: (answer, signal, options) => this.#show(answer, signal, options),
    load: (address, options) => this.#load(address, options),
    forms,
    proof: asset("proof.js"),
  };

  #fragment = async (address, signal) => {
    const answer = await ask(this, this.#address(address), { signal });
    return answer.ok ? answer.text() : "";
  };

  // What somebody had begun to write is there again after a reload or a login: by whoever reads this,
  // or by somebody unknown, who has then logged in.
  #goOn(first) {
    const link = this.#content.querySelector("[data-drafted]");
    const by = link && drafts("getItem", link.dataset.drafted)?.split(" ", 1)[0];
    if (by !== "" && by !== this.#viewer) return;
    const address = new URL(link.getAttribute("href"), base);
    const focus = first && this.#isNamed && address.hash.slice(1);
    this.#load(this.#address(address), { part: link.dataset.load, focus, quiet: true });
  }

  // After logging in one is back here, and not where the server can only guess.
  #comeBack(link) {
    // Where people log in on this site, if it is not where they do on udata.
    const own = window.cultureFeedback?.login;
    const address = new URL(own ?? link.getAttribute("href"), own ? location : base);
    if (address.origin === location.origin) {
      const here = `${location.pathname}${location.search}#${this.#anchor}`;
      address.searchParams.set("next", here);
    }
    link.href = address;
  }

  get #anchor() {
    return this.id || "culture-feedback";
  }

  get #isNamed() {
    return location.hash === `#${this.#anchor}`;
  }

  // The browser did not find the anchor, if the page was made after it had looked.
  #arrive() {
    if (this.#isNamed && document.activeElement === document.body) this.come();
  }

  // Focus on something of ours, or on the first field in it, also where it is folded. The page moves
  // no more than it takes to see it, or what was `done`.
  #reach(id, done) {
    const found = this.shadowRoot.getElementById(id);
    const folded = found?.closest("details");
    if (folded) folded.open = true;
    const wanted = found?.matches("fieldset") ? found.querySelector("input, button") : found;
    wanted?.focus({ preventScroll: !!done });
    done?.scrollIntoView({ block: "nearest" });
  }

  async #submit(event) {
    const { target, submitter } = event;
    // Also the filters of a list, which are renewed in their place.
    const form = target.closest("form[data-form], .cf-dashboard form, .cf-moderation form");
    if (!form) return;
    event.preventDefault();
    if (this.#sending) return;
    this.#sending = true;
    form.setAttribute("aria-busy", "true");
    this.#status.textContent = "";
    const signal = this.#next();
    try {
      const { send, filter } = await sending();
      await (form.hasAttribute("data-form") ? send : filter)(form, submitter, signal, this.#lent);
    } catch {
      if (form.isConnected) this.#fail(form);
    } finally {
      this.#sending = false;
      form.removeAttribute("aria-busy");
    }
  }

  // The network or the server failed: the form stays as it is, with what was typed.
  #fail(form) {
    form.querySelector(".cf-failed")?.remove();
    const failed = document.createElement("div");
    failed.className = "cf-errors cf-failed";
    failed.setAttribute("role", "alert");
    failed.tabIndex = -1;
    failed.append(Object.assign(document.createElement("p"), { textContent: form.getAttribute("data-failed") }));
    form.prepend(failed);
    failed.focus();
  }

  #click(event) {
    if (event.target.closest("[data-forget]")) {
      sending().then(({ forget }) => forget(this.#wanted, this.#lent), () => {});
      return;
    }
    const saving = event.target.closest("[data-save]");
    if (saving) import(asset("charts.js")).then(({ save }) => save(saving), () => {});
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const address = new URL(link.getAttribute("href"), base);
    const part = link.dataset.load;
    if (part) {
      event.preventDefault();
      const focus = address.hash.slice(1);
      if (this.#sending) return;
      if (link.dataset.drafted) forms();
      this.#load(this.#address(address), { part, focus, instead: address });
    } else if (link.getAttribute("href").startsWith("#")) {
      // The host page has other targets: ours are in the shadow root.
      event.preventDefault();
      this.#reach(address.hash.slice(1));
    }
  }

  // Back on this page: if one has logged in or out meanwhile, it is shown anew, but never over what
  // somebody is typing.
  #seenAgain = (event) => {
    if (event.type === "pageshow" ? event.persisted : document.visibilityState === "visible") {
      this.#again();
    }
  };

  #again() {
    const typed = this.#content?.querySelector("[data-typed], .cf-errors");
    const known = isTrusted || tokenOf(this);
    if (this.#asked && known && !typed && !this.#sending) {
      this.#load(this.#wanted, { ifOther: true, quiet: true });
    }
  }
}

// --- On pages that know nothing of us -----------------------------------------------------------
// What is placed where comes with the settings (embed/placements.py).

const script = [...document.scripts].find(({ src }) => src === import.meta.url);
const chosen = script?.dataset ?? {};
const table = Object.entries("manual" in chosen || window.cultureFeedback?.manual ? {} : settings.placements)
  .filter(([name, { off }]) => (chosen[name] ?? (off ? "off" : "on")) !== "off");
const hosts = {};
const watcher = new MutationObserver(() => soon());
let place = location.href; // the page of the front-end that we are on
let moves = 0; // how often we have put something back on it: somebody else may want the same place
let due = false;

// Before, the front-end would remove what it does not know.
function isReady() {
  if (!document.querySelector("#__nuxt")) return document.readyState === "complete";
  try {
    return window.useNuxtApp().isHydrating === false;
  } catch {
    return false; // there is no application yet
  }
}

function begin() {
  if (!isReady()) return setTimeout(begin, 50);
  for (const name of ["pushState", "replaceState"]) {
    const own = history[name];
    history[name] = function (...all) {
      const result = own.apply(this, all);
      soon();
      return result;
    };
  }
  addEventListener("popstate", soon);
  soon();
}

function soon() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    try {
      sync();
    } catch {
      // A pattern that is none, an address that cannot be read: nothing to say in somebody's console.
    }
  });
}

// The placements whose address this is, with what is found on the page for them.
function sync() {
  if (place !== (place = location.href)) {
    moves = 0;
    // A page of ours is none of the front-end's, which would say that it does not exist.
    if ([`${base}pages/`, settings.pages].some((own) => own && place.startsWith(own))) location.reload();
  }
  const here = table.map(look).filter(Boolean);
  for (const [name, host] of Object.entries(hosts)) {
    host.hidden ||= !here.some((one) => one.name === name && one.anchor);
  }
  for (const one of here) if (one.anchor && one.at && one.name !== "tab") put(one);
  const around = here.filter(({ name, anchor }) => anchor && ["tab", "download", "counts"].includes(name));
  if (around.length) surround(around);
  if (here.length) watcher.observe(document.body, { childList: true, subtree: true });
  else watcher.disconnect();
}

function look([name, { on, proof, at, wide }]) {
  for (const [pattern, value] of Object.entries(on)) {
    const found = new RegExp(pattern).exec(location.pathname);
    if (!found) continue;
    found.q = new URLSearchParams(location.search).get("q") ?? "";
    const fill = (text, write) => text.replace(/\$(\w)/g, (_, group) => write(found[group] ?? ""));
    const see = (selector) => document.querySelector(fill(selector, CSS.escape));
    const [selector, position] = Object.entries(at ?? {}).find(([one]) => see(one)) ?? [];
    // The page that is left stands until the next one has its data: so does what we have on it.
    const last = hosts[name]?.proven;
    const proven = !proof || see(proof) || (last?.isConnected && last);
    const anchor = proven && (at ? selector && see(selector) : document.body);
    // The group is written as in the address of the page, and what is searched for as it was typed.
    const wanted = fill(value, (text) => (text === found.q ? encodeURIComponent(text) : text));
    return { name, at, wide, anchor, position, wanted, proven };
  }
}

function put({ name, wide, anchor, position, wanted, proven }) {
  const isSection = name === "section";
  const tag = isSection ? "culture-feedback" : "culture-feedback-panel";
  // One that the front-end has placed itself is enough.
  if (isSection && document.querySelector(`${tag}:not([data-placed])`)) return;
  const host = (hosts[name] ??= document.createElement(tag));
  set(host, {
    id: isSection ? tag : `culture-feedback-${name}`,
    "data-placed": name,
    [isSection ? "dataset-id" : "src"]: isSection ? decodeURIComponent(wanted) : wanted,
    ...(wide && { wide: position }),
  });
  const there = position === "beforebegin" ? anchor.previousElementSibling : anchor.lastElementChild;
  if (there !== host && moves++ < 20) anchor.insertAdjacentElement(position, host);
  host.proven = proven;
  host.hidden = false;
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }
}

// What is beside the section comes after it.
async function surround(those) {
  const section = hosts.section ?? document.querySelector("culture-feedback");
  await section?.settled;
  import(asset("around.js")).then(({ beside }) => beside(those, { base, words: settings.words, section, ask }), () => {});
}

if (!customElements.get("culture-feedback")) {
  customElements.define("culture-feedback", CultureFeedback);
  customElements.define("culture-feedback-panel", class extends CultureFeedback {});
  if (table.length) begin();
}
