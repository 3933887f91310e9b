// Says how high the page is to the page that frames it, whenever that changes. A height tells nobody
// anything, so that any origin may hear it; who may frame us is for the Content-Security-Policy.
const main = document.querySelector("main");
let said;

new ResizeObserver(() => {
  const height = Math.ceil(main.getBoundingClientRect().height);
  if (height === said) return;
  said = height;
  parent.postMessage({ cultureFeedback: { height } }, "*");
}).observe(main);
