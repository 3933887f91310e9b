// Taking part without an account: the proof of work that a form carries, and the token by which this
// tab can change what it has sent. Loaded where there is such a form; the work begins when somebody
// turns to the form, and goes on while they type. Without it the form leads to a confirmation by
// e-mail.

const TOKEN = "culture-feedback:token";
// The server keeps to 24 hours; so that none expires under way, we to a little less.
const TOKEN_LIFETIME = 23 * 3600e3;
const CHALLENGE_MARGIN = 60e3;

const SAID_AFTER = 1000; // milliseconds until one hears that it is under way
const OTHER_WAY_AFTER = 10000; // and until one may confirm by e-mail instead

// Where addresses of the API start: this is one of its static parts.
const base = new URL("../../", import.meta.url);

const works = new WeakMap(); // form → what is being done for it

// In the storage of this tab, written on sending only. It may be forbidden.
export function token() {
  try {
    const [text, since] = (sessionStorage.getItem(TOKEN) ?? "").split(" ");
    return Date.now() - Number(since) < TOKEN_LIFETIME ? text : "";
  } catch {
    return "";
  }
}

function keep(text) {
  try {
    if (!token()) sessionStorage.setItem(TOKEN, `${text} ${Date.now()}`);
  } catch {
    // What is sent can then not be changed later.
  }
}

// For a form that somebody turns to; again changes nothing.
export const begin = (form) => void work(form);

// Which browser it is, for what costs no proof.
async function identify(address) {
  if (!token()) {
    const answer = await fetch(new URL(address, base), { credentials: "omit", cache: "no-store" });
    keep((await answer.json()).contributor_token);
  }
  return token();
}

const hidden = (name, value) => Object.assign(document.createElement("input"), { type: "hidden", name, value });

// For the forms of a whole page, which the browser sends itself.
export function prepare(content) {
  for (const form of content.querySelectorAll("form[data-knows]")) {
    form.addEventListener("submit", async (event) => {
      if (form.elements.contributor_token) return;
      event.preventDefault();
      form.append(hidden("contributor_token", await identify(form.dataset.knows).catch(() => "")));
      form.requestSubmit();
    });
  }
  for (const form of content.querySelectorAll("form[data-proof]")) {
    let proven = false;
    for (const turn of ["pointerover", "focusin"]) form.addEventListener(turn, () => begin(form));
    form.addEventListener("submit", async (event) => {
      if (proven) return;
      event.preventDefault();
      if (form.hasAttribute("aria-busy")) return;
      form.setAttribute("aria-busy", "true");
      for (const [name, value] of Object.entries(await prove(form))) {
        const field = hidden(name, value);
        field.dataset.proven = "";
        form.append(field);
      }
      proven = true;
      form.requestSubmit(event.submitter);
    });
    // Come back to by the browser's own button: the proof is spent.
    addEventListener("pageshow", (event) => {
      if (!event.persisted) return;
      proven = false;
      form.removeAttribute("aria-busy");
      form.querySelectorAll("[data-proven]").forEach((field) => field.remove());
      works.delete(form);
    });
  }
}

// What a form carries besides its fields: nothing where no proof can be had, or where somebody would
// rather confirm by e-mail.
export async function prove(form) {
  const status = form.querySelector("[data-checking]");
  const slow = form.querySelector("[data-slow]");
  let instead;
  const other = new Promise((resolve) => (instead = () => resolve(null)));
  const button = slow.querySelector("button");
  button?.addEventListener("click", instead);
  const timers = [
    setTimeout(() => (status.textContent = status.dataset.checking), SAID_AFTER),
    setTimeout(() => (slow.hidden = false), OTHER_WAY_AFTER),
  ];
  try {
    const found = await Promise.race([fresh(form), other]);
    if (!found) return {};
    keep(found.token);
    return { proof: found.proof, contributor_token: token() || found.token };
  } catch {
    return {};
  } finally {
    timers.forEach(clearTimeout);
    button?.removeEventListener("click", instead);
    status.textContent = "";
    slow.hidden = true;
    works.get(form)?.stop.abort();
    works.delete(form);
  }
}

async function fresh(form) {
  const found = await work(form);
  if (performance.now() < found.until) return found;
  works.delete(form);
  return work(form);
}

function work(form) {
  let under = works.get(form);
  if (!under) {
    const stop = new AbortController();
    under = { stop, found: solve(form.dataset.proof, stop.signal) };
    under.found.catch(() => {}); // said when it is asked for
    works.set(form, under);
  }
  return under.found;
}

async function solve(address, signal) {
  const answer = await fetch(new URL(address, base), { credentials: "omit", cache: "no-store", signal });
  if (!answer.ok) throw new Error(answer.statusText);
  const until = performance.now() - CHALLENGE_MARGIN;
  const { challenge, contributor_token, expires_in } = await answer.json();
  const solution = await search(challenge.parameters, signal);
  return {
    proof: btoa(JSON.stringify({ challenge, solution })),
    token: contributor_token,
    until: until + expires_in * 1000,
  };
}

// The counter whose key begins as the challenge says. Several searches at once: the browser gives
// them to as many processors.
async function search({ nonce, salt, cost, keyLength, keyPrefix }, signal) {
  const password = new Uint8Array([...bytes(nonce), 0, 0, 0, 0]);
  const derivation = { name: "PBKDF2", hash: "SHA-256", salt: bytes(salt), iterations: cost };
  let next = 0;
  let found;
  const one = async () => {
    while (!found) {
      signal.throwIfAborted();
      const counter = next++;
      const tried = password.slice();
      new DataView(tried.buffer).setUint32(tried.length - 4, counter);
      const key = await crypto.subtle.importKey("raw", tried, "PBKDF2", false, ["deriveBits"]);
      const derivedKey = hex(await crypto.subtle.deriveBits(derivation, key, keyLength * 8));
      if (derivedKey.startsWith(keyPrefix)) found = { counter, derivedKey };
    }
  };
  const processors = Math.min(navigator.hardwareConcurrency || 2, 8);
  await Promise.all(Array.from({ length: processors }, one));
  return found;
}

const bytes = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
const hex = (buffer) =>
  Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
