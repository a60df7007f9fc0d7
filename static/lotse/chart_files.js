// A tile as a file: <button data-save-as="svg|png|pdf"> in an article.tile (or with data-of="its number"). The picture is the chart as it is
// seen, legend and hidden series included, in light colours, with its title and its time; a list or a number is drawn as text. PNG and PDF are
// made of it here: nothing leaves the browser.
const SPACE = "http://www.w3.org/2000/svg";
const FONT = "Inter, 'Inter Variable', system-ui, sans-serif";
const STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "opacity", "font-size", "font-weight", "text-anchor"];
const PAD = 20;

function el(name, attributes, text) {
  const element = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}
const measure = document.createElement("canvas").getContext("2d");
function fits(text, room, size, weight = 400) {
  measure.font = `${weight} ${size}px ${FONT}`;
  if (measure.measureText(text).width <= room) return text;
  let end = text.length;
  while (end > 1 && measure.measureText(`${text.slice(0, end)}…`).width > room) end -= 1;
  return `${text.slice(0, end)}…`;
}
const wide = (text, size) => { measure.font = `${size}px ${FONT}`; return measure.measureText(text).width; };

/** Return a copy that looks the same without our style sheets. */
function standing(svg) {
  const copy = svg.cloneNode(true), from = [svg, ...svg.querySelectorAll("*")], to = [copy, ...copy.querySelectorAll("*")];
  from.forEach((element, place) => {
    const style = getComputedStyle(element), target = to[place];
    for (const name of STYLES) {
      const value = style.getPropertyValue(name);
      if (value && (element.localName !== "g" && element.localName !== "a" && element.localName !== "svg" || name === "opacity")) target.setAttribute(name, name === "font-size" ? parseFloat(value) : value);
    }
    for (const name of ["class", "tabindex", "role", "aria-label", "aria-describedby", "data-tooltip", "data-tooltip-title"]) target.removeAttribute(name);
  });
  copy.querySelectorAll("a").forEach((link) => {
    const group = el("g", {});
    group.append(...link.childNodes);
    link.replaceWith(group);
  });
  return copy;
}

/** Draw a table as lines of text; return [element, height]. */
function tableOf(table, width, colours) {
  const rows = [...table.rows].map((row) => [...row.cells].map((cell) => ({ text: (cell.querySelector(".avatar")?.getAttribute("aria-label") ?? cell.textContent).trim().replace(/\s+/g, " "), end: cell.classList.contains("number"), head: cell.localName === "th" })));
  const columns = Math.max(...rows.map((row) => row.length)), group = el("g", {}), room = width / columns;
  rows.forEach((row, line) => {
    const y = 16 + line * 24;
    row.forEach((cell, place) => group.append(el("text", { x: cell.end ? room * (place + 1) - 6 : room * place, y, "font-size": 12, "font-weight": line && !(cell.head && place) ? 400 : 600, fill: line ? colours.text : colours.muted, "text-anchor": cell.end ? "end" : "start" }, fits(cell.text, room - 10, 12))));
    group.append(el("line", { x1: 0, x2: width, y1: y + 8, y2: y + 8, stroke: colours.line }));
  });
  return [group, rows.length * 24 + 8];
}

function bigOf(figure, colours) {
  const group = el("g", {}), lines = [...figure.querySelectorAll("p")].map((line) => line.innerText.trim()).filter(Boolean);
  let y = 0;
  lines.flatMap((line, place) => line.split("\n").map((text) => [text, place])).forEach(([text, place]) => {
    y += place ? 20 : 40;
    group.append(el("text", { x: 0, y, "font-size": place ? 13 : 36, "font-weight": place ? 400 : 650, fill: place ? colours.muted : colours.text }, text));
  });
  return [group, y + 10];
}

/** Return the tile as an SVG element of its own, in light colours. */
function picture(tile) {
  const root = document.documentElement, theme = root.dataset.theme;
  root.dataset.theme = "light"; // only while the colours are read: nothing is painted in between
  try {
    const token = (name) => getComputedStyle(root).getPropertyValue(name).trim();
    const colours = { text: token("--text"), muted: token("--muted"), line: token("--line") };
    const plot = tile.querySelector(".chart .plot svg"), figure = tile.querySelector("[data-figure]"), table = tile.querySelector(".tile-list table");
    let width = 640, body, height;
    if (plot && !tile.classList.contains("as-table")) {
      [body, width, height] = [standing(plot), plot.clientWidth, plot.clientHeight];
    } else if (figure) [body, height] = bigOf(figure, colours);
    else if (table) [body, height] = tableOf(table, width, colours);
    else return null;
    width = Math.max(width, 280);
    const svg = el("svg", { xmlns: SPACE, "font-family": FONT, "font-size": 12 });
    svg.append(el("rect", { width: "100%", height: "100%", fill: "#fff" }));
    svg.append(el("text", { x: PAD, y: PAD + 14, "font-size": 16, "font-weight": 650, fill: colours.text }, fits(tile.querySelector("h2").textContent.trim(), width, 16, 650)));
    let y = PAD + 30;
    const holder = el("g", { transform: `translate(${PAD},${y})` });
    holder.append(body);
    svg.append(holder);
    y += height + 6;
    if (plot && !tile.classList.contains("as-table")) {
      let x = PAD;
      for (const button of tile.querySelectorAll(".legend button[aria-pressed=true]")) {
        const words = [button.querySelector(".word").textContent, button.querySelector("b")?.textContent].filter(Boolean).join("  "), needs = wide(words, 12) + 30;
        if (x + needs > width + PAD && x > PAD) [x, y] = [PAD, y + 20];
        svg.append(el("circle", { cx: x + 4, cy: y + 8, r: 4, fill: getComputedStyle(button.querySelector(".dot")).backgroundColor }));
        svg.append(el("text", { x: x + 14, y: y + 12, "font-size": 12, fill: colours.text }, words));
        x += needs;
      }
      if (x > PAD) y += 24;
    }
    const foot = [...tile.querySelectorAll(".tile-foot > *")].map((part) => part.textContent.trim()).filter(Boolean).join(" · ");
    if (foot) svg.append(el("text", { x: PAD, y: y + 14, "font-size": 11, fill: colours.muted }, fits(foot, width, 11)));
    const size = [width + 2 * PAD, Math.ceil(y + (foot ? 24 : 4) + PAD / 2)];
    for (const [name, value] of [["width", size[0]], ["height", size[1]], ["viewBox", `0 0 ${size.join(" ")}`]]) svg.setAttribute(name, value);
    return { svg, width: size[0], height: size[1] };
  } finally {
    root.dataset.theme = theme;
  }
}

async function canvasOf({ text, width, height }, times) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: Math.round(width * times), height: Math.round(height * times) });
  const context = canvas.getContext("2d");
  context.scale(times, times);
  context.drawImage(image, 0, 0, width, height);
  return canvas;
}

/** Return a PDF of one page that holds the picture, packed without loss. */
async function pdfOf(drawn, title) {
  const canvas = await canvasOf(drawn, 3), { width, height } = canvas, pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4) { rgb[to++] = pixels[from]; rgb[to++] = pixels[from + 1]; rgb[to++] = pixels[from + 2]; }
  const packed = new Uint8Array(await new Response(new Blob([rgb]).stream().pipeThrough(new CompressionStream("deflate"))).arrayBuffer());
  const points = [drawn.width * 0.75, drawn.height * 0.75], content = `q ${points[0]} 0 0 ${points[1]} 0 0 cm /I Do Q`;
  const name = [...`\uFEFF${title}`].flatMap((char) => [...Array(char.length).keys()].map((at) => char.charCodeAt(at).toString(16).padStart(4, "0"))).join("");
  const objects = ["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
    `<</Type/Page/Parent 2 0 R/MediaBox[0 0 ${points.join(" ")}]/Resources<</XObject<</I 5 0 R>>>>/Contents 4 0 R>>`,
    `<</Length ${content.length}>>stream\n${content}\nendstream`,
    [`<</Type/XObject/Subtype/Image/Width ${width}/Height ${height}/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/FlateDecode/Length ${packed.length}>>stream\n`, packed, "\nendstream"],
    `<</Title<${name}>/Producer(Lotse)>>`];
  const parts = [], coder = new TextEncoder(), places = [];
  let at = 0;
  const add = (part) => { const bytes = typeof part === "string" ? coder.encode(part) : part; parts.push(bytes); at += bytes.length; };
  add("%PDF-1.4\n");
  objects.forEach((object, number) => {
    places.push(at);
    add(`${number + 1} 0 obj`);
    [object].flat().forEach(add);
    add("endobj\n");
  });
  const start = at, rows = places.map((place) => `${String(place).padStart(10, "0")} 00000 n \n`).join("");
  add(`xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}trailer<</Size ${objects.length + 1}/Root 1 0 R/Info 6 0 R>>\nstartxref\n${start}\n%%EOF\n`);
  return new Blob(parts, { type: "application/pdf" });
}

function download(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function save(tile, kind) {
  const made = picture(tile);
  if (!made) return;
  const drawn = { ...made, text: new XMLSerializer().serializeToString(made.svg) };
  const title = tile.querySelector("h2").textContent.trim(), name = `${title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "").toLowerCase() || "lotse"}.${kind}`;
  if (kind === "svg") download(new Blob([`<?xml version="1.0" encoding="UTF-8"?>\n${drawn.text}`], { type: "image/svg+xml" }), name);
  else if (kind === "pdf") download(await pdfOf(drawn, title), name);
  else download(await new Promise(async (done) => (await canvasOf(drawn, 2)).toBlob(done, "image/png")), name);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-save-as]");
  if (button) save(button.closest(".tile"), button.dataset.saveAs);
});
