// What whole pages need besides HTML: in them forms are sent by the browser itself.

// Not when it is needed only: a form that is sent before it is there would go without a proof.
import { prepare, token } from "./proof.js";

const content = document.querySelector("[data-viewer]");
if (content) prepare(content);
if (content?.matches("[data-unknown]") && token()) await recognise();

// In a tab that has sent something without an account, the page as it is for who has sent it: a
// browser that opens a page does not say so. Never over what somebody has begun to write.
async function recognise() {
  const headers = { "X-Culture-Feedback-Token": token() };
  const answer = await fetch(location.href, { headers, cache: "no-store" }).catch(() => null);
  const page = new DOMParser().parseFromString(answer?.ok ? await answer.text() : "", "text/html");
  const known = page.querySelector("[data-viewer]");
  if (!known?.dataset.viewer || content.querySelector(":is(input, textarea, select):focus")) return;
  content.dataset.viewer = known.dataset.viewer;
  content.replaceChildren(...known.childNodes);
  prepare(content);
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

if (content?.querySelector("[data-draft], [data-similar], [data-pick], [data-sent], [data-shortcuts]")) {
  const { enhance } = await import("./forms.js");
  const load = async (address, signal) => {
    const answer = await fetch(address, { signal });
    return answer.ok ? answer.text() : "";
  };
  enhance(content, content.dataset.viewer, load);
}

content?.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-save]");
  if (button) (await import("./charts.js")).save(button);
});

for (const button of navigator.clipboard ? (content?.querySelectorAll("[data-copy]") ?? []) : []) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.querySelector("[role]").textContent = button.dataset.copied;
  });
}

for (const button of content?.querySelectorAll("[data-forget]") ?? []) {
  button.addEventListener("click", () => {
    for (const name of Object.keys(sessionStorage)) {
      if (name.startsWith("culture-feedback:")) sessionStorage.removeItem(name);
    }
    location.assign(location.pathname + location.search);
  });
}

// What takes minutes is followed as it goes; once it ends, the page has more to say.
for (let part = content?.querySelector("[data-follow]"); part; ) {
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok) continue;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const next = page.querySelector("[data-follow]");
  if (!next) location.reload();
  if (!next) break;
  part.replaceWith(next);
  part = next;
}
