// The loader of udata-culture-feedback. It defines <culture-feedback dataset-id="…">, which fetches
// the fragment of its dataset into an open shadow root and sends its forms. No dependency, no build.

const settings = /* settings */ {};
const base = new URL(".", import.meta.url);

// One stylesheet for all elements of the page. A constructed sheet needs no exception in the CSP.
let sheet;
const style = () =>
  (sheet ??= fetch(new URL(settings.css, base), { credentials: "omit" })
    .then((answer) => (answer.ok ? answer.text() : Promise.reject()))
    .then((text) => {
      const made = new CSSStyleSheet();
      made.replaceSync(text);
      return [made];
    })
    .catch(() => {
      sheet = undefined; // shown without style now, asked for again next time
      return [];
    }));

// With the session where the server trusts this page's origin, otherwise as nobody: a refused
// request with credentials would be shouted in the console of the host.
const credentials =
  location.origin === base.origin || settings.origins?.includes(location.origin)
    ? "include"
    : "omit";

// What forms do besides being sent comes with the first such form. They are sent without it too.
const enhanced = "[data-draft], [data-similar], [data-pick]";
const forms = () => import(new URL(settings.forms, base)).catch(() => {});

// What was begun in this tab (see forms.js). Storage may be forbidden.
const drafts = (action, name) => {
  try {
    return sessionStorage[action](`culture-feedback:${name}`);
  } catch {
    return null;
  }
};

const proofs = () => import(new URL(settings.proof, base));

// By which this tab is recognised where it has sent something without an account (see proof.js). A
// request that nobody sends is not asked about beforehand.
const identity = () => {
  const token = drafts("getItem", "token")?.split(" ", 1)[0];
  return token ? { "X-Culture-Feedback-Token": token } : {};
};

// Somebody else uses this tab now: nothing of who used it before stays.
const forget = () => {
  for (const name of Object.keys(sessionStorage)) {
    if (name.startsWith("culture-feedback:")) sessionStorage.removeItem(name);
  }
};

class CultureFeedback extends HTMLElement {
  static observedAttributes = ["dataset-id", "lang", "heading-level"];

  #root; // in the shadow root: the status, the content, the slot for the link of the host
  #status;
  #content;
  #due; // a look at the attributes to come
  #wanted; // the address that is shown, or being fetched
  #latest; // its signal is aborted when something newer is asked for
  #viewer; // who was logged in when it was shown, as a mark
  #sending = false;

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

  attributeChangedCallback() {
    this.#soon();
  }

  #build() {
    const make = (name, properties) => Object.assign(document.createElement(name), properties);
    this.#root = make("div", { className: "cf" });
    // What is announced lives outside what is replaced: a live region must exist beforehand.
    this.#status = make("p", { className: "cf-done" });
    this.#status.setAttribute("role", "status");
    this.#content = make("div");
    this.#root.append(this.#status, this.#content, make("slot"));
    const shadow = this.attachShadow({ mode: "open" });
    shadow.append(this.#root);
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
      const id = this.isConnected && this.getAttribute("dataset-id");
      const wanted = id ? this.#address(`pages/datasets/${encodeURIComponent(id)}/`).href : "";
      if (wanted === this.#wanted) return;
      if (!this.isConnected && this.#viewer !== undefined) return; // may come back as it is
      this.#wanted = wanted;
      if (wanted) this.#load(wanted);
      else if (this.#next() && this.#root) this.#retreat();
    });
  }

  #address(path) {
    const address = new URL(path, base);
    const language = this.lang || this.closest("[lang]")?.lang;
    if (language && !address.searchParams.has("lang")) address.searchParams.set("lang", language);
    address.searchParams.set("as", "fragment");
    address.searchParams.set("level", this.getAttribute("heading-level") || "2");
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
    style();
    let shown = false;
    try {
      const answer = await fetch(address, { credentials, signal, headers: identity() });
      shown = await this.#show(answer, signal, options);
    } catch {
      // Nothing to say: the page of the host is not ours.
    }
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
    const [text, sheets] = await Promise.all([answer.text(), style()]);
    const template = document.createElement("template");
    template.innerHTML = text;
    const fresh = template.content;
    const more = fresh.querySelector(enhanced) && (await forms());
    if (signal.aborted) return true;
    const { lang, dir, dataset } = fresh.firstElementChild;
    if (ifOther && dataset.viewer === this.#viewer) return true;

    const first = this.#viewer === undefined;
    const before = this.shadowRoot.activeElement;
    const [old, renewed] = [this.shadowRoot, fresh].map((tree) => part && tree.getElementById(part));
    const inPart = old && renewed;
    const done = fresh.querySelector(".cf-done");
    if (done?.dataset.sent) drafts("removeItem", done.dataset.sent);
    // What is done in a part is seen there, and only said here.
    if (inPart) done?.removeAttribute("role");
    else done?.remove();
    this.#status.className = inPart ? "cf-hidden" : "cf-done";
    this.#viewer = dataset.viewer;
    this.shadowRoot.adoptedStyleSheets = sheets;
    Object.assign(this.#root, { lang, dir });
    this.#root.querySelector("slot")?.remove();
    if (inPart) old.replaceWith(renewed);
    else this.#content.replaceChildren(fresh);

    const errors = (inPart ? renewed : this.#content).querySelector(".cf-errors");
    this.#content.querySelectorAll("[data-login]").forEach((link) => this.#comeBack(link));
    more?.enhance(this.#content, this.#viewer, this.#fragment);
    if (errors) errors.focus();
    else if (focus || (before && !before.isConnected)) {
      this.#reach(focus || (inPart ? `${part}-heading` : "cf-title"));
    } else if (first) this.#arrive();
    this.#status.textContent = done?.textContent ?? "";
    if (!part) this.#goOn(first);
    return true;
  }

  // Without an account a form carries a proof of work, begun when somebody turns to it. Without one
  // it leads to a confirmation by e-mail.
  #turn({ target }) {
    const form = target.closest("form[data-proof]");
    if (form) proofs().then(({ begin }) => begin(form), () => {});
  }

  async #prove(form, fields) {
    if (!form.getAttribute("data-proof")) return;
    const proof = await proofs().then(({ prove }) => prove(form), () => ({}));
    for (const [name, value] of Object.entries(proof)) fields.set(name, value);
  }

  #fragment = async (address, signal) => {
    const answer = await fetch(this.#address(address), { credentials, signal });
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
    const address = new URL(link.getAttribute("href"), base);
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
    if (this.#isNamed && document.activeElement === document.body) this.#reach("cf-title");
  }

  // Focus on something of ours, or on the first field in it, also where it is folded.
  #reach(id) {
    const found = this.shadowRoot.getElementById(id);
    const folded = found?.closest("details");
    if (folded) folded.open = true;
    (found?.matches("fieldset") ? found.querySelector("input, button") : found)?.focus();
  }

  async #submit(event) {
    const form = event.target.closest("form[data-form]");
    if (!form) return;
    event.preventDefault();
    if (this.#sending) return;
    this.#sending = true;
    form.setAttribute("aria-busy", "true");
    this.#status.textContent = "";
    forms(); // on its way while the answer is
    const signal = this.#next();
    const fields = new FormData(form, event.submitter);
    const action = event.submitter?.getAttribute("formaction") ?? form.getAttribute("action");
    const part = form.closest("[data-part]")?.id;
    try {
      await this.#prove(form, fields);
      const answer = await fetch(this.#address(action), {
        method: "POST",
        body: fields,
        headers: { "X-Culture-Feedback": "form" },
        credentials,
      });
      if (!(await this.#show(answer, signal, { part }))) throw new Error(answer.statusText);
      // What was too long to be read has come back empty.
      const shown = this.shadowRoot.getElementById(part) ?? this.#content;
      for (const area of shown.querySelectorAll("textarea")) {
        if (!answer.ok) area.value ||= fields.get(area.name) ?? "";
      }
      if (answer.ok) this.dispatchEvent(new CustomEvent("culture-feedback-change", { bubbles: true }));
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
      forget();
      this.#load(this.#wanted, { focus: "cf-title" });
      return;
    }
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
    const seen = event.type === "pageshow" ? event.persisted : document.visibilityState === "visible";
    const typed = this.#content.querySelector("[data-typed], .cf-errors");
    const busy = typed || this.#sending || !this.#wanted || credentials === "omit";
    if (seen && !busy) this.#load(this.#wanted, { ifOther: true, quiet: true });
  };
}

if (!customElements.get("culture-feedback")) {
  customElements.define("culture-feedback", CultureFeedback);
}
