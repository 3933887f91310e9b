// The loader of udata-culture-feedback. It defines <culture-feedback dataset-id="…">, which fetches
// the fragment of its dataset into an open shadow root and sends its forms. No dependency, no build.

const settings = /* settings */ {};
const base = new URL(".", import.meta.url);

// One stylesheet for all elements of the page. A constructed sheet needs no exception in the CSP.
let sheet;
const style = () =>
  (sheet ??= fetch(new URL(settings.css, base), { credentials: "omit" })
    .then((answer) => answer.text())
    .then((text) => {
      const made = new CSSStyleSheet();
      made.replaceSync(text);
      return made;
    }));

// With the session where the server trusts this page's origin, otherwise as nobody: a refused
// request with credentials would be shouted in the console of the host.
const credentials =
  location.origin === base.origin || settings.origins?.includes(location.origin)
    ? "include"
    : "omit";

class CultureFeedback extends HTMLElement {
  static observedAttributes = ["dataset-id", "lang", "heading-level"];

  #content;
  #status;
  #busy = false;
  #latest = 0;

  connectedCallback() {
    if (!this.shadowRoot) {
      const root = this.attachShadow({ mode: "open" });
      // What is announced lives outside what is replaced: a live region must exist beforehand.
      this.#status = Object.assign(document.createElement("p"), { className: "cf-hidden" });
      this.#status.setAttribute("role", "status");
      this.#content = document.createElement("div");
      root.append(this.#status, this.#content, document.createElement("slot"));
      root.addEventListener("submit", (event) => this.#submit(event));
      root.addEventListener("click", (event) => this.#click(event));
      root.addEventListener("input", (event) => this.#count(event));
    }
    this.#load();
  }

  attributeChangedCallback(name, before, after) {
    if (this.isConnected && this.#content && before !== after) this.#load();
  }

  #address(path) {
    const address = new URL(path, base);
    const language = this.lang || this.closest("[lang]")?.lang || document.documentElement.lang;
    if (language && !address.searchParams.has("lang")) address.searchParams.set("lang", language);
    address.searchParams.set("as", "fragment");
    address.searchParams.set("level", this.getAttribute("heading-level") || "2");
    address.hash = "";
    return address;
  }

  async #load(path) {
    const id = this.getAttribute("dataset-id") || this.getAttribute("dataset");
    if (!id) return;
    const moved = Boolean(path);
    const mine = ++this.#latest;
    try {
      const answer = await fetch(this.#address(path ?? `pages/datasets/${encodeURIComponent(id)}/`), {
        credentials,
      });
      if (mine === this.#latest) await this.#show(answer, moved ? "h2, h3, h4, h5" : null);
    } catch {
      // The link inside the element stays: it leads to the same page.
    }
  }

  async #show(answer, focus) {
    // Anything else (a login page of a proxy, an error page) is not ours to show.
    if (answer.headers.get("X-Culture-Feedback") !== "fragment") return false;
    const [text, made] = await Promise.all([answer.text(), style()]);
    this.shadowRoot.adoptedStyleSheets = [made];
    const hadFocus = this.#content.contains(this.shadowRoot.activeElement);
    this.#content.innerHTML = text;
    this.shadowRoot.querySelector("slot")?.remove();
    const errors = this.#content.querySelector("[data-errors]");
    const done = this.#content.querySelector("[data-status]");
    if (done) {
      done.removeAttribute("role"); // said once, by the region that was there before
      this.#status.textContent = done.textContent;
    }
    if (errors) errors.focus();
    else if (done && hadFocus) done.focus();
    else if (focus && hadFocus) this.#content.querySelector(focus)?.focus();
    this.#content.querySelectorAll("textarea[data-limit]").forEach((area) => this.#left(area));
    return true;
  }

  async #submit(event) {
    const form = event.target.closest("form[data-form]");
    if (!form) return;
    event.preventDefault();
    if (this.#busy) return;
    this.#busy = true;
    form.setAttribute("aria-busy", "true");
    const fields = new FormData(form, event.submitter);
    try {
      const answer = await fetch(this.#address(form.getAttribute("action")), {
        method: "POST",
        body: new URLSearchParams(fields),
        headers: { "X-Culture-Feedback": "form" },
        credentials,
      });
      if (!(await this.#show(answer))) throw new Error(answer.statusText);
      this.dispatchEvent(new CustomEvent("culture-feedback-change", { bubbles: true }));
    } catch {
      this.#fail(form);
    } finally {
      this.#busy = false;
      form.removeAttribute("aria-busy");
    }
  }

  // The network or the server failed: the form stays as it is, with what was typed.
  #fail(form) {
    form.querySelector(".cf-failed")?.remove();
    const failed = Object.assign(document.createElement("p"), {
      className: "cf-errors cf-failed",
      textContent: form.dataset.failed,
      tabIndex: -1,
    });
    failed.setAttribute("role", "alert");
    form.prepend(failed);
    failed.focus();
  }

  #click(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = event.target.closest("a");
    if (!link) return;
    const target = link.getAttribute("href");
    if (link.hasAttribute("data-load")) {
      event.preventDefault();
      this.#load(target);
    } else if (target.startsWith("#")) {
      // The host page has other targets: ours are in the shadow root.
      event.preventDefault();
      this.shadowRoot.getElementById(target.slice(1))?.focus();
    }
  }

  #count(event) {
    if (event.target.matches?.("textarea[data-limit]")) this.#left(event.target);
  }

  #left(area) {
    const left = Number(area.dataset.limit) - area.value.length;
    const counter = area.parentElement.querySelector("[data-counter]");
    counter.textContent = left < 1000 ? area.dataset.left.replace("#", left) : "";
  }
}

if (!customElements.get("culture-feedback")) {
  customElements.define("culture-feedback", CultureFeedback);
}
