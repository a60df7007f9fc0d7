// Charts, drawn as SVG from the JSON that the server gives (dashboards/tiles/drawn.py):
//   <div class="chart" data-chart='{kind, heads, series, …}' data-open="Open the list: {what}">
// Each bar, point and slice is a link to the list behind it; hovering or focusing shows its value (tip.js). Legends hide series or slices.
// Colours are classes (c-blue …), so that the dark look, print and the strict content policy cost nothing. A chart is drawn anew when its
// box changes its size.
const SPACE = "http://www.w3.org/2000/svg";
const language = document.documentElement.lang || "en";
const measure = document.createElement("canvas").getContext("2d");
const MOST_FOCUSED = 60; // links one tabs through; the table of a longer chart has them all

function el(name, attributes = {}, ...children) {
  const element = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined && value !== null) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
function width(text, size = 12) {
  measure.font = `${size}px "Inter Variable", system-ui, sans-serif`;
  return measure.measureText(text).width;
}
function shorten(text, room, size = 12) {
  if (width(text, size) <= room) return text;
  let end = text.length;
  while (end > 1 && width(`${text.slice(0, end)}…`, size) > room) end -= 1;
  return `${text.slice(0, end).trimEnd()}…`;
}
const label = (x, y, text, more = {}) => el("text", { x, y, class: "label", ...more }, text);
const round = (number) => Math.round(number * 10) / 10;

/** Say a number short, as an axis does. */
function short(value, unit, currency) {
  if (unit === "percent") return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 }).format(value / 100);
  const form = { notation: Math.abs(value) >= 10000 ? "compact" : "standard", maximumFractionDigits: 1 };
  if (unit === "money") Object.assign(form, { style: "currency", currency, minimumFractionDigits: 0 });
  return new Intl.NumberFormat(language, form).format(value);
}

/** Even steps from the lowest to the highest value, zero among them; no halves between whole numbers. */
function scale(low, high, room) {
  low = Math.min(0, low);
  high = Math.max(0, high);
  if (low === high) high = 1;
  const wanted = Math.max(2, Math.floor(room / 44)), raw = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((one) => one >= raw && one !== 2.5 && (high - low > 8 || one >= 1 || power < 0.1)) ?? raw;
  const first = Math.floor(low / step) * step, last = Math.ceil(high / step) * step, ticks = [];
  for (let tick = first; tick <= last + step / 2; tick += step) ticks.push(Math.round(tick * 1e6) / 1e6);
  return { low: first, high: last, ticks };
}

/** A mark that leads to its records, with its value shown on hover and focus. */
function mark(chart, point, title, ...shapes) {
  const box = chart.box, many = chart.marks++ >= MOST_FOCUSED;
  const link = point.u ? el("a", { href: point.u, "aria-label": box.dataset.open.replace("{what}", `${title}: ${point.t}`), class: "mark", tabindex: many ? -1 : undefined }, ...shapes)
    : el("g", { class: "mark" }, ...shapes);
  link.dataset.tooltip = point.t;
  link.dataset.tooltipTitle = title;
  return link;
}

/** Whether columns have the colours of their places: those of the only series do. */
const ownColours = (columns, heads) => columns.length === 1 && !columns[0].earlier && heads.some((head) => head.colour);

// --- Columns, lines, areas ---------------------------------------------------------------------------------------------------------------
function onAxes(chart, svg, w, h) {
  const { data, shown } = chart, { heads, kind } = data;
  const lines = shown.filter((one) => one.line || kind === "line" || kind === "area"), columns = shown.filter((one) => !lines.includes(one));
  const stacked = data.stacked && shown.length > 1;
  const right = kind === "combo" ? shown.filter((one) => one.line) : [], left = shown.filter((one) => !right.includes(one));
  const values = (list) => list.flatMap((one) => one.points.map((point) => point?.v ?? 0));
  const sums = heads.map((_head, place) => left.reduce((sum, one) => sum + (one.points[place]?.v ?? 0), 0));
  const top = 10;
  let bottom = 24;
  const y = scale(Math.min(...values(left), 0), Math.max(...(stacked ? sums : values(left)), 0), h - top - bottom);
  const unit = left[0]?.unit ?? "number", texts = y.ticks.map((tick) => short(tick, unit, data.currency));
  const from = Math.ceil(Math.max(...texts.map((text) => width(text, 11)))) + 10;
  const y2 = right.length ? scale(0, Math.max(...values(right), 0), h - top - bottom) : null;
  const texts2 = y2 ? y2.ticks.map((tick) => short(tick, right[0].unit, data.currency)) : [];
  const to = w - (y2 ? Math.ceil(Math.max(...texts2.map((text) => width(text, 11)))) + 10 : 6);
  const band = (to - from) / Math.max(1, heads.length), middle = (place) => from + band * (place + 0.5);
  // As many names as fit beside each other; a few that do not stand in two rows by turns, each with the room of two.
  const widest = Math.min(110, Math.max(...heads.map((head) => width(head.label, 11)), 1)), every = Math.max(1, Math.ceil((widest + 8) / band));
  const twoRows = heads.length > 1 && every > 1 && heads.length <= 8;
  if (twoRows) bottom = 38;
  const at = (value, axis = y) => round(h - bottom - ((value - axis.low) / (axis.high - axis.low)) * (h - top - bottom));
  y.ticks.forEach((tick, place) => {
    svg.append(el("line", { x1: from, x2: to, y1: at(tick), y2: at(tick), class: tick ? "grid" : "axis" }));
    svg.append(label(from - 8, at(tick) + 4, texts[place], { "text-anchor": "end", class: "label small" }));
  });
  y2?.ticks.forEach((tick, place) => svg.append(label(to + 8, at(tick, y2) + 4, texts2[place], { class: "label small" })));
  heads.forEach((head, place) => {
    if (!twoRows && place % every) return;
    const room = twoRows ? Math.min(band * 2 - 6, middle(place) * 2, (w - middle(place)) * 2) : band * every - 6;
    svg.append(label(round(middle(place)), h - 7 - (twoRows && place % 2 === 0 ? 14 : 0), shorten(head.label, room, 11), { "text-anchor": "middle", class: "label small" }));
  });

  const gap = Math.min(14, band * 0.28), inner = band - gap, one = stacked ? inner : inner / Math.max(1, columns.length), thick = Math.min(one, 56);
  const piled = { up: heads.map(() => 0), down: heads.map(() => 0) };
  columns.forEach((series, number) => {
    const own = ownColours(columns, heads);
    const group = el("g", { class: `c-${series.colour}${series.earlier ? " earlier" : ""}` });
    series.points.forEach((point, place) => {
      if (!point?.v) return;
      const pile = piled[point.v > 0 ? "up" : "down"], base = stacked ? pile[place] : 0, ends = at(base + point.v), begins = at(base);
      if (stacked) pile[place] += point.v;
      const x = middle(place) - (stacked || columns.length === 1 ? thick / 2 : inner / 2 - one * number - (one - thick) / 2);
      const bar = el("rect", { x: round(x), y: Math.min(ends, begins), width: round(Math.max(1, thick - (columns.length > 1 && !stacked ? 2 : 0))), height: round(Math.max(1, Math.abs(ends - begins) - (stacked ? 1 : 0))), rx: stacked ? 1 : Math.min(4, thick / 3) });
      group.append(mark(chart, point, titled(heads[place], series, shown), el("g", { class: own && heads[place].colour ? `c-${heads[place].colour}` : undefined }, bar)));
    });
    svg.append(group);
  });

  const below = heads.map(() => 0);
  lines.forEach((series) => {
    const axis = right.includes(series) ? y2 : y, pile = stacked && kind === "area";
    const points = series.points.map((point, place) => (point && point.v !== null ? [middle(place), at((pile ? below[place] : 0) + point.v, axis), point, place] : null)).filter(Boolean);
    const floor = series.points.map((_point, place) => at(pile ? below[place] : 0, axis));
    if (pile) series.points.forEach((point, place) => { below[place] += point?.v ?? 0; });
    const path = points.map(([px, py]) => `${round(px)},${round(py)}`).join("L");
    const group = el("g", { class: `c-${series.colour}${series.earlier ? " earlier" : ""}` });
    if (kind === "area" && !series.earlier && points.length) {
      const back = points.map(([px, , , place]) => `${round(px)},${round(floor[place])}`).reverse().join("L");
      group.append(el("path", { d: `M${path}L${back}Z`, class: "filled" }));
    }
    if (points.length) group.append(el("path", { d: `M${path}`, class: "drawn" }));
    const close = band < 14;
    points.forEach(([px, py, point, place]) => group.append(mark(chart, point, titled(heads[place], series, shown),
      el("circle", { cx: round(px), cy: round(py), r: Math.min(11, Math.max(5, band / 2)), class: "reach" }), el("circle", { cx: round(px), cy: round(py), r: close ? 2 : 3.5, class: "dot" }))));
    svg.append(group);
  });
}
const titled = (head, series, shown) => (shown.length > 1 ? `${head.label} – ${series.label}` : head.label);

// --- Bars --------------------------------------------------------------------------------------------------------------------------------
function asBars(chart, svg, w, h) {
  const { data, shown } = chart, { heads } = data, stacked = data.stacked && shown.length > 1;
  const totals = heads.map((_head, place) => shown.reduce((sum, one) => sum + Math.max(0, one.points[place]?.v ?? 0), 0));
  const most = Math.max(...(stacked ? totals : shown.flatMap((one) => one.points.map((point) => point?.v ?? 0))), 0) || 1;
  const room = Math.min(w * (w < 320 ? 0.46 : 0.38), Math.max(...heads.map((head) => width(head.label))) + 12);
  const ends = shown.flatMap((one) => one.points.map((point) => (point ? width(point.t) : 0)));
  const far = stacked ? 44 : Math.min(110, Math.max(...ends, 0) + 14);
  const row = Math.min(42, h / Math.max(1, heads.length)), length = Math.max(20, w - room - far), each = stacked ? 1 : Math.max(1, shown.length);
  const size = Math.max(2, Math.min(18, (row * 0.66) / each));
  heads.forEach((head, place) => {
    const middle = row * (place + 0.5);
    let from = room;
    if (row >= 11) svg.append(label(room - 8, round(middle + 4), shorten(head.label, room - 10), { "text-anchor": "end" }));
    shown.forEach((series, number) => {
      const point = series.points[place];
      if (!point || (!point.v && stacked)) return;
      const long = Math.max(point.v > 0 ? 2 : 0, (Math.max(0, point.v) / most) * length);
      const own = shown.length === 1 && head.colour === "grey" ? "grey" : series.colour;
      const y = round(stacked ? middle - size / 2 : middle - (size * each) / 2 + size * number);
      const parts = [el("rect", { x: round(from), y, width: round(Math.max(0, long - (stacked ? 1 : 0))), height: round(Math.max(1, size - (each > 1 ? 1 : 0))), rx: stacked ? 1 : 3 })];
      if (!stacked && size >= 8) parts.push(label(round(from + long + 6), round(y + size / 2 + 4), point.t, { class: "label value" }));
      svg.append(el("g", { class: `c-${own}` }, mark(chart, point, titled(head, series, shown), ...parts)));
      if (stacked) from += long;
    });
    if (stacked && row >= 11) svg.append(label(round(from + 6), round(middle + 4), short(totals[place], shown[0].unit, data.currency), { class: "label value" }));
  });
}

// --- Rings and gauges ----------------------------------------------------------------------------------------------------------------------
function arc(cx, cy, outer, inner, from, to) {
  const end = Math.min(to, from + Math.PI * 2 - 0.0001), large = end - from > Math.PI ? 1 : 0;
  const on = (radius, angle) => `${round(cx + radius * Math.sin(angle))},${round(cy - radius * Math.cos(angle))}`;
  const back = inner ? `L${on(inner, end)}A${inner},${inner} 0 ${large} 0 ${on(inner, from)}Z` : `L${cx},${cy}Z`;
  return `M${on(outer, from)}A${outer},${outer} 0 ${large} 1 ${on(outer, end)}${back}`;
}
function asRing(chart, svg, w, h) {
  const { data } = chart, series = data.series[0], parts = data.heads.map((head, place) => ({ head, place, point: series.points[place] }));
  const there = parts.filter(({ point, place }) => point?.v > 0 && !chart.hidden.has(place));
  const sum = there.reduce((total, { point }) => total + point.v, 0) || 1, outer = round(Math.min(w, h) / 2 - 2), inner = data.kind === "donut" ? round(outer * 0.64) : 0;
  let angle = 0;
  there.forEach(({ head, point }) => {
    const next = angle + (point.v / sum) * Math.PI * 2, share = short((point.v / sum) * 100, "percent");
    svg.append(el("g", { class: `c-${head.colour || "grey"}` }, mark(chart, { ...point, t: `${point.t} (${share})` }, head.label, el("path", { d: arc(w / 2, h / 2, outer, inner, angle, next), class: "slice" }))));
    angle = next;
  });
  if (inner && data.total && !chart.hidden.size) {
    const size = Math.min(24, (inner * 1.6) / Math.max(2, data.total.t.length) * 1.6);
    svg.append(label(w / 2, round(h / 2 + size * 0.36), data.total.t, { "text-anchor": "middle", class: "label total", "font-size": round(size) }));
  }
}
function asGauge(chart, svg, w, h) {
  const { data } = chart, point = data.total, target = data.target || 1, share = Math.max(0, Math.min(1, (point.v ?? 0) / target));
  const outer = round(Math.min(w / 2 - 4, h - 34, 132)), inner = round(outer * 0.76), cy = round(h / 2 + outer / 2 - 6), half = Math.PI / 2;
  svg.append(el("path", { d: arc(w / 2, cy, outer, inner, -half, half), class: "rest" }));
  const colour = data.colour || "teal", filled = share ? el("path", { d: arc(w / 2, cy, outer, inner, -half, -half + Math.PI * share), class: "slice" }) : el("g");
  const text = label(w / 2, cy - 4, point.t, { "text-anchor": "middle", class: "label total", "font-size": round(Math.min(30, inner * 0.42)) });
  const told = [data.targetShare, chart.box.dataset.of.replace("{target}", data.targetText)].filter(Boolean).join(" ");
  svg.append(el("g", { class: `c-${colour}` }, mark(chart, point, told, filled, text)));
  svg.append(label(w / 2, cy + 18, told, { "text-anchor": "middle", class: "label" }));
}

// --- The funnel ----------------------------------------------------------------------------------------------------------------------------
function asFunnel(chart, svg, w, h) {
  const { data, box } = chart, { steps } = data, most = Math.max(...steps.map((step) => step.point.v), 1), row = h / steps.length;
  // On a phone the names take from the bars: those are only measured against one another.
  const room = Math.min(Math.max(w * 0.3, Math.min(w * 0.42, 150)), Math.max(...steps.map((step) => width(step.label, 13))) + 14), far = Math.min(w * 0.3, 128), length = w - room - far;
  const long = (step) => Math.max(3, (step.point.v / most) * length), tall = Math.min(38, row * 0.62);
  steps.forEach((step, place) => {
    const middle = row * (place + 0.5), x = room + (length - long(step)) / 2, y = middle - tall / 2, next = steps[place + 1];
    svg.append(label(0, round(middle + 5), shorten(step.label, room - 10, 13), { class: "label strong" }));
    if (next) {
      const nx = room + (length - long(next)) / 2, ny = row * (place + 1.5) - tall / 2;
      svg.append(el("path", { d: `M${round(x)},${round(y + tall)}H${round(x + long(step))}L${round(nx + long(next))},${round(ny)}H${round(nx)}Z`, class: `c-${data.colour} between` }));
    }
    const bar = el("rect", { x: round(x), y: round(y), width: round(long(step)), height: round(tall), rx: 5, opacity: 1 - place * 0.05 });
    const inside = long(step) > width(step.point.t, 13) + 14;
    const number = label(round(room + length / 2), round(middle + 5), step.point.t, { "text-anchor": "middle", class: inside ? "label on-colour" : "label strong beside", ...(inside ? {} : { x: round(x + long(step) + 8), "text-anchor": "start" }) });
    svg.append(el("g", { class: `c-${data.colour}` }, mark(chart, { ...step.point, t: [step.point.t, step.all].filter(Boolean).join(" · ") }, step.label, bar, number)));
    if (!place) return;
    svg.append(label(w - far + 14, round(middle - (step.days ? 2 : -5)), step.before, { class: "label strong" }));
    if (step.days) svg.append(label(w - far + 14, round(middle + 14), box.dataset.days.replace("{days}", step.days), { class: "label small" }));
  });
}

// --- The whole -----------------------------------------------------------------------------------------------------------------------------
const KINDS = { column: onAxes, line: onAxes, area: onAxes, combo: onAxes, bar: asBars, pie: asRing, donut: asRing, gauge: asGauge, funnel: asFunnel };
const charts = new WeakMap();

function draw(box) {
  const chart = charts.get(box), plot = box.querySelector(".plot"), w = Math.floor(plot.clientWidth), h = Math.floor(plot.clientHeight);
  if (w < 20 || h < 20) return;
  const svg = el("svg", { width: w, height: h, viewBox: `0 0 ${w} ${h}`, role: "group", "aria-label": box.closest(".tile")?.querySelector("h2")?.textContent ?? "" });
  chart.shown = (chart.data.series ?? []).filter((_series, place) => !chart.hidden.has(place));
  chart.marks = 0;
  KINDS[chart.data.kind](chart, svg, w, h);
  const focused = plot.contains(document.activeElement) ? [...plot.querySelectorAll("a")].indexOf(document.activeElement) : -1;
  plot.replaceChildren(svg);
  if (focused >= 0) plot.querySelectorAll("a")[focused]?.focus({ preventScroll: true });
}

/** The names of series or slices; a click hides one or shows it again. */
function legend(chart) {
  const { data } = chart, ring = data.kind === "pie" || data.kind === "donut";
  const own = data.kind in { column: 1, combo: 1 } && ownColours(data.series.filter((one) => !one.line), data.heads);
  const entries = ring ? data.heads.map((head, place) => ({ label: head.label, colour: head.colour || "grey", text: data.series[0].points[place]?.t ?? "" })) : data.series.map((one) => ({ label: one.label, colour: own && !one.line ? "grey" : one.colour }));
  if (!entries.length || (!ring && entries.length < 2)) return null;
  const list = Object.assign(document.createElement("div"), { className: "legend" });
  entries.forEach(({ label: words, colour, text }, place) => {
    const button = Object.assign(document.createElement("button"), { type: "button" });
    const spot = Object.assign(document.createElement("span"), { className: `dot c-${colour}` });
    const name = Object.assign(document.createElement("span"), { className: "word", textContent: words });
    button.append(spot, name);
    if (text) button.append(Object.assign(document.createElement("b"), { textContent: text }));
    button.setAttribute("aria-pressed", "true");
    button.title = words;
    button.addEventListener("click", () => {
      const hide = !chart.hidden.has(place);
      if (hide && chart.hidden.size === entries.length - 1) return; // one stays
      chart.hidden[hide ? "add" : "delete"](place);
      button.setAttribute("aria-pressed", String(!hide));
      draw(chart.box);
    });
    list.append(button);
  });
  return list;
}

const watcher = new ResizeObserver((entries) => entries.forEach(({ target }) => requestAnimationFrame(() => { if (target.isConnected) draw(target.closest(".chart")); })));
// Paper has another width than the window: the page takes it before it is printed, and its charts are drawn to it.
for (const [event, printing] of [["beforeprint", true], ["afterprint", false]]) {
  addEventListener(event, () => {
    document.documentElement.classList.toggle("printing", printing);
    document.querySelectorAll(".chart").forEach((box) => charts.has(box) && draw(box));
  });
}
function begin(box) {
  if (charts.has(box) || !box.dataset.chart) return;
  const chart = { box, data: JSON.parse(box.dataset.chart), hidden: new Set(), marks: 0 };
  if (!(chart.data.kind in KINDS)) return;
  charts.set(box, chart);
  const plot = Object.assign(document.createElement("div"), { className: "plot" }), names = chart.data.kind in { gauge: 1, funnel: 1 } ? null : legend(chart);
  box.replaceChildren(plot, ...(names ? [names] : []));
  box.closest(".tile")?.classList.add("has-chart");
  draw(box);
  watcher.observe(plot);
}
const beginAll = (root) => [...(root.matches?.(".chart") ? [root] : []), ...(root.querySelectorAll?.(".chart") ?? [])].forEach(begin);
beginAll(document);
document.addEventListener("htmx:load", (event) => beginAll(event.detail.elt));
document.fonts?.ready.then(() => document.querySelectorAll(".chart").forEach((box) => { if (charts.has(box)) draw(box); }));
