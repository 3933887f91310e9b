// What stands beside the section of a dataset on a page that knows nothing of us: the link among its
// tabs, the question about the file that was downloaded, the counts of a list. Loaded after the
// section, where one of them is placed.

let here = []; // the placements of the page we are on
let tools; // what the loader lends: base, words, section, ask
const counted = new Map(); // by reference of a dataset: how many have answered, or the wait for it

// The same again and again, after anything on the page has changed.
export function beside(placements, lent) {
  if (!tools) listen();
  [here, tools] = [placements, lent];
  for (const { name, anchor, wanted } of here) {
    if (name === "tab") addTab(anchor, wanted);
    if (name === "counts") addCounts();
  }
}

function listen() {
  document.addEventListener("click", clicked, true);
  document.addEventListener("culture-feedback-change", () => {
    const tab = here.find(({ name }) => name === "tab");
    if (!tab) return;
    counted.delete(tab.wanted);
    addTab(tab.anchor, tab.wanted);
  });
}

// --- Among the tabs ---------------------------------------------------------------------------

// Made like the tab of discussions, after the last one.
async function addTab(like, dataset) {
  if (!like.isConnected) return;
  const bar = like.parentElement;
  let tab = bar.querySelector("[data-culture-feedback]");
  if (!tab) {
    tab = like.cloneNode(true);
    tab.dataset.cultureFeedback = "";
    for (const one of [tab, ...tab.querySelectorAll("[id]")]) one.removeAttribute("id");
    const made = tab.querySelector("a");
    made.removeAttribute("aria-current");
    made.replaceChildren(said()[0]);
    [...bar.children].findLast((one) => one.localName === tab.localName).after(tab);
  }
  const link = tab.querySelector("a");
  const anchor = `#${tools.section?.id || "culture-feedback"}`;
  if (link.getAttribute("href") !== anchor) link.setAttribute("href", anchor);
  const n = (await count([dataset])).get(dataset);
  if (n === undefined || link.dataset.count === String(n)) return;
  link.dataset.count = n;
  const [name] = said();
  const figure = like.querySelector("sup")?.cloneNode() ?? document.createElement("sup");
  figure.textContent = `(${n})`;
  link.replaceChildren(`${name} `, figure);
  link.setAttribute("aria-label", `${name} (${inWords(n)})`);
}

// --- Counts -----------------------------------------------------------------------------------

async function addCounts() {
  const fresh = new Map();
  for (const card of document.querySelectorAll(".search-results li")) {
    const link = card.querySelector('a[href*="/datasets/"]');
    const dataset = /\/datasets\/([^/?#]+)/.exec(link?.getAttribute("href") ?? "")?.[1];
    if (dataset && card.dataset.cultureFeedback !== dataset) fresh.set(card, dataset);
  }
  for (const [card, dataset] of fresh) card.dataset.cultureFeedback = dataset;
  if (!fresh.size) return;
  const found = await count([...fresh.values()]);
  for (const [card, dataset] of fresh) {
    card.querySelector("[data-culture-feedback-count]")?.remove();
    if (!found.get(dataset)) continue;
    const line = document.createElement("p");
    line.dataset.cultureFeedbackCount = "";
    line.textContent = `${said()[0]}${language() === "fr" ? "\u00a0" : ""}: ${inWords(found.get(dataset))}`;
    card.append(line);
  }
}

// How many have answered about each dataset: one request for those that are not known.
async function count(datasets) {
  const unknown = [...new Set(datasets)].filter((one) => !counted.has(one)).slice(0, 100);
  if (unknown.length) {
    const asked = ask(unknown);
    for (const one of unknown) counted.set(one, asked);
  }
  await Promise.all(datasets.map((one) => counted.get(one)));
  return counted;
}

async function ask(datasets) {
  const address = new URL("summaries/", tools.base);
  for (const one of datasets) address.searchParams.append("dataset", decodeURIComponent(one));
  const answer = await tools.ask(tools.section ?? {}, address).catch(() => null);
  const { data = [] } = answer?.ok ? await answer.json() : {};
  for (const one of datasets) {
    const isIt = ({ dataset: { id, page } }) => id === one || page.replace(/\/$/, "").endsWith(`/${one}`);
    const found = data.find((each) => datasets.length === 1 || isIt(each));
    counted.set(one, found?.total);
  }
}

// --- The file that was downloaded -------------------------------------------------------------

function clicked(event) {
  const link = event.target.closest?.('a[download], a[href*="/datasets/r/"], [data-culture-feedback] a');
  if (!link) return;
  const { section } = tools;
  if (link.closest("[data-culture-feedback]")) {
    if (!section || section.hidden) return;
    event.preventDefault();
    section.come();
  } else if (here.some(({ name }) => name === "download")) {
    const file = nameOf(link);
    if (file && section && !section.hidden) section.downloaded(file);
  }
}

// As the page calls it: what describes the link, the title of the file that it is in.
function nameOf(link) {
  const part = link.closest("[aria-labelledby]");
  const title =
    document.getElementById(link.getAttribute("aria-describedby")) ??
    document.getElementById(part?.getAttribute("aria-labelledby")) ??
    link.closest("li, article, section")?.querySelector("h2, h3, h4, h5, h6");
  const name = (title?.textContent ?? link.getAttribute("download") ?? "").replace(/\s+/g, " ").trim();
  return name.length > 100 ? `${name.slice(0, 99)}…` : name;
}

// --- Words ------------------------------------------------------------------------------------

const language = () => document.documentElement.lang.slice(0, 2);
const said = () => tools.words[language()] ?? tools.words.en;
const inWords = (n) => {
  const form = new Intl.PluralRules(language() || "en").select(n) === "one" ? 1 : 2;
  return said()[form].replace("#", n.toLocaleString(language() || "en"));
};
