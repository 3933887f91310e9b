// A single-page application in small. "cdata" draws its page at once, as a server would have, and
// hydrates later: what is not its own is then removed. "front-kit" draws it once it is loaded.
// `?wait` leaves the hydration to the test, which calls `window.hydrate()`.

(() => {
  const { flavour } = document.currentScript.dataset;
  const isNuxt = flavour === "cdata";
  const root = document.querySelector(isNuxt ? "#__nuxt" : "#app");
  const own = new WeakSet();
  let layout; // the name of the one that is drawn
  let page; // the address without its tab

  const el = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    own.add(made);
    return made;
  };
  const go = (href, text = href, attributes = {}) => el("a", { href, ...attributes }, text);

  const TABS = { "": "Fichiers", "/discussions": "Discussions", "/informations": "Informations" };

  const pages = {
    dataset(slug, tab) {
      if (/unknown/.test(slug)) return el("div", {}, el("h1", {}, "Page introuvable"));
      const path = `/datasets/${slug}`;
      const tabs = isNuxt
        ? el("div", { class: "bar" }, ...Object.entries(TABS).map(([end, label]) =>
            el("h2", {}, go(path + end, label, { ...(end === tab && { "aria-current": "page" }) }))))
        : el("div", { role: "tablist", "aria-label": "Groupes" }, ...Object.values(TABS).map((label, i) =>
            el("button", { role: "tab", id: `tab-${i}`, "aria-selected": String(!i) }, label)));
      if (isNuxt) {
        const link = tabs.querySelector('a[href$="/discussions"]');
        const sup = el("sup", { class: "figure" }, "(3)");
        link.append(" ", sup);
      }
      return el("div", { class: "page" },
        el("h1", {}, slug), tabs, el("div", { class: "content tab" }, ...content(tab, slug)));
    },
    list() {
      const q = new URLSearchParams(location.search).get("q");
      const results = el("section", { class: "search-results" });
      if (q === "rien") results.append(el("p", {}, "Vous n'avez pas trouvé ?"), el("button", {}, "Réinitialiser"));
      else {
        results.append(el("p", { role: "status" }, "2 résultats"),
          el("ul", {}, ...window.datasets.map((slug) => el("li", {}, el("h3", {}, go(`/datasets/${slug}`, slug))))));
      }
      return el("div", { class: "page" }, el("h1", {}, "Recherche"), results);
    },
    organization(slug) {
      return el("div", { class: "page" }, el("h1", {}, slug), el("div", { class: "content" }));
    },
    // Like that of cdata: it ends with a navigation inside the application, to wherever `next` says.
    login() {
      const enter = el("button", { id: "enter" }, "Se connecter");
      enter.addEventListener("click", () => {
        const next = new URLSearchParams(location.search).get("next") ?? "/";
        if (/^\w+:/.test(next)) return; // "Navigating to an external URL is not allowed by default."
        history.pushState({}, "", next);
        setTimeout(draw);
      });
      return el("div", { class: "page" }, el("h1", {}, "Connexion"), enter);
    },
    other(path) {
      // As long as the table of discussions of a busy organization.
      if (path.startsWith("/admin/")) return el("div", {}, el("h1", {}, path), el("div", { class: "tall" }));
      if (path.startsWith("/api/")) return el("div", {}, el("h1", {}, "Page introuvable"));
      return el("div", { class: "page" }, el("h1", {}, path), el("div", { class: "content" }));
    },
  };

  function content(tab, slug) {
    if (tab) return [el("p", {}, TABS[tab])];
    return [el("section", { "aria-labelledby": "file-1" }, el("h4", { id: "file-1" }, "musees-2026.csv"),
      el("a", { href: "/hosts/file.csv", download: "", "aria-describedby": "file-1" }, "Télécharger"))];
  }

  const menu = () => el("nav", { "aria-label": "Liens" }, ...[...window.datasets.map((slug) => `/datasets/${slug}`),
    "/datasets/search", "/datasets/unknown", "/organizations/ministere-de-la-culture", "/login",
    "/admin/me/datasets", "/posts"].map((href) => go(href, href, { "data-go": href })));

  function draw() {
    const { pathname } = location;
    const [, kind, name, tab = ""] = /^\/(\w+)(?:\/([^/]+))?(\/.*)?$/.exec(pathname) ?? [];
    const wanted = kind === "admin" ? "fluid" : "default";
    const isList = kind === "datasets" && (!name || name === "search");
    const next = kind === "datasets" && !isList ? `/datasets/${name}` : pathname + location.search;
    if (layout !== wanted) {
      layout = wanted;
      page = undefined;
      root.replaceChildren(...frame(wanted));
    }
    if (page === next) {
      // Only the tab: its content is mounted again, its links are patched.
      for (const link of root.querySelectorAll(".bar a")) {
        if (link.getAttribute("href") === pathname) link.setAttribute("aria-current", "page");
        else if (own.has(link)) link.removeAttribute("aria-current");
      }
      root.querySelector(".tab")?.replaceChildren(...content(tab, name));
      return;
    }
    page = next;
    const draw = isList ? pages.list : { datasets: pages.dataset, organizations: pages.organization, login: pages.login }[kind];
    const drawn = draw && (name || isList || kind === "login") ? draw(name, tab) : pages.other(pathname);
    const old = root.querySelector(".page");
    const place = root.querySelector(".page-root") ?? root.querySelector("main, .layout");
    if (old) old.replaceWith(drawn);
    else if (place.localName === "main" || place.matches(".page-root")) place.prepend(drawn);
    else place.insertBefore(drawn, place.querySelector("footer"));
    drawn.classList.add("page", isNuxt ? "container" : "fr-container");
  }

  function frame(kind) {
    const header = el("header", { role: "banner" }, menu());
    const footer = el("footer", { role: "contentinfo", id: "footer" }, "Pied de page");
    if (!isNuxt) return [header, el("main", { id: "main-content", role: "main" }), footer];
    if (kind === "fluid") {
      return [header, el("div", {}, el("div", {}, el("nav", { class: "fr-sidemenu", "aria-label": "Menu d'administration" })),
        el("div", { class: "page-root" }))];
    }
    return [el("div", { class: "layout" }, header, footer)];
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || !own.has(link) || link.hasAttribute("download") || event.defaultPrevented) return;
    event.preventDefault();
    history.pushState({}, "", link.getAttribute("href"));
    // As a router, which resolves first. `window.held`: until the test calls `window.release()`, the
    // page that is left stands, as that of Nuxt while the next one has no data.
    if (window.held) window.release = draw;
    else setTimeout(draw);
  });
  addEventListener("popstate", () => setTimeout(draw));

  const app = { isHydrating: true, hook() {} };
  window.hydrate = () => {
    // What it does not know was not there when its page was made.
    for (const node of root.querySelectorAll("*")) if (!own.has(node)) node.remove();
    app.isHydrating = false;
  };
  window.datasets = ["one", "two"]; // slugs, filled in by pages.py
  if (isNuxt) {
    draw();
    window.useNuxtApp = () => {
      if (!app.exists) throw new Error("[nuxt] instance unavailable");
      return app;
    };
    addEventListener("load", () => {
      app.exists = true;
      if (!location.search.includes("wait")) setTimeout(window.hydrate, 100);
    });
  } else addEventListener("DOMContentLoaded", () => setTimeout(draw, 50));
})();
