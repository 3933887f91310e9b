// Takes a chart along: as SVG or PNG drawn by this browser, or its figures as CSV. Loaded when somebody
// asks for it.

// `button`: one of a figure, whose `data-save` says as what.
export async function save(button) {
  const figure = button.closest("figure");
  const drawn = figure.querySelector("svg");
  const name = (drawn.querySelector("title")?.textContent ?? "chart").replace(/[^\p{L}\p{N}]+/gu, "-");
  const kind = button.dataset.save;
  const made = { svg: () => alone(drawn), png: () => painted(drawn), csv: () => figures(figure) };
  const address = URL.createObjectURL(await made[kind]());
  Object.assign(document.createElement("a"), { href: address, download: `${name}.${kind}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// With the width it has here: a length in percent means nothing outside a page.
function alone(drawn) {
  const copy = drawn.cloneNode(true);
  const { width, height } = drawn.getBoundingClientRect();
  copy.setAttribute("width", Math.round(width));
  copy.setAttribute("viewBox", `0 0 ${Math.round(width)} ${Math.round(height)}`);
  return new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" });
}

// On white, twice as fine as on the screen.
async function painted(drawn) {
  const { width, height } = drawn.getBoundingClientRect();
  const image = new Image(width, height);
  image.src = URL.createObjectURL(alone(drawn));
  await image.decode();
  URL.revokeObjectURL(image.src);
  const canvas = Object.assign(document.createElement("canvas"), { width: width * 2, height: height * 2 });
  const brush = canvas.getContext("2d");
  brush.fillStyle = "#fff";
  brush.fillRect(0, 0, canvas.width, canvas.height);
  brush.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

// A formula of a spreadsheet is text here.
function figures(figure) {
  const cell = ({ textContent }) => {
    const text = textContent.trim().replace(/^(?=[=+@\t\r-])/, "'");
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const rows = [...figure.querySelectorAll("tr")].map((row) => [...row.cells].map(cell).join(","));
  return new Blob(["\ufeff", rows.join("\r\n")], { type: "text/csv" });
}
