// Theme, sorting, copying, and the charts. Nothing here asks the network for anything.
"use strict";

const root = document.documentElement;
const each = (selector, act) => document.querySelectorAll(selector).forEach(act);

// A page from a disk may not be allowed to remember anything; then it starts as the system is set.
const memory = {
  get theme() { try { return localStorage.getItem("bnreg-theme"); } catch { return null; } },
  set theme(name) { try { localStorage.setItem("bnreg-theme", name); } catch { /* not remembered */ } },
};
if (memory.theme) root.dataset.theme = memory.theme;
each("[data-toggle-theme]", (button) => button.addEventListener("click", () => {
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = memory.theme = isDark ? "light" : "dark";
}));

each("[data-copy]", (button) => button.addEventListener("click", async () => {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch { // a page from a disk may not use it
    getSelection().selectAllChildren(source);
    document.execCommand("copy");
    getSelection().removeAllRanges();
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}));

// The number at the start of a cell, if there is one; "< 0.001" is less than 0.001.
function number(text) {
  const found = /^(<\s*)?([+−-]?[\d,]*\.?\d+(e[+-]?\d+)?)/i.exec(text);
  if (!found) return NaN;
  const value = parseFloat(found[2].replace("−", "-").replaceAll(",", ""));
  return found[1] ? value / 2 : value;
}
function compare(one, other, sign) {
  const [a, b] = [number(one), number(other)];
  if (Number.isNaN(a) !== Number.isNaN(b)) return Number.isNaN(a) ? 1 : -1; // what is missing comes last, either way
  return sign * (Number.isNaN(a) ? one.localeCompare(other, undefined, { numeric: true }) : a - b);
}
each("table", (table) => {
  const headers = [...table.querySelectorAll("thead th")];
  const body = table.tBodies[0];
  if (!body || body.rows.length < 2) return;
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.className = "sort";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const descends = header.ariaSort === "ascending";
      headers.forEach((one) => one.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", descends ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => [row.cells[column].textContent.trim(), row]);
      rows.sort(([one], [other]) => compare(one, other, descends ? -1 : 1));
      body.append(...rows.map(([, row]) => row));
    });
  });
});

// The colours of the page, which follow light and dark by themselves.
const ink = { labelColor: "var(--ink)", titleColor: "var(--ink)" };
const CONFIG = {
  background: "transparent",
  font: "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif",
  view: { stroke: null },
  axis: { ...ink, labelFontSize: 12, titleFontSize: 13, titleFontWeight: "normal", gridColor: "var(--line)", domainColor: "var(--soft)", tickColor: "var(--soft)" },
  legend: { ...ink, labelFontSize: 13, titleFontSize: 13, titleFontWeight: "normal", labelLimit: 0, orient: "top", symbolStrokeWidth: 2 },
  header: ink,
  title: { color: "var(--ink)", subtitleColor: "var(--soft)", anchor: "start", fontSize: 13 },
  text: { color: "var(--ink)" },
};

const PANEL_EXTRA = 76; // an axis with its title, and the space between panels
const NARROW = 640;
const LIMITS = [190, 1000];

// Panels side by side stand one below the other where there is no room, and are otherwise as wide as the page allows.
function fitted(spec, room, numBeside = 1) {
  const fit = (part, beside) => fitted(part, room, beside);
  const copy = { ...spec };
  for (const key of ["hconcat", "concat"]) {
    if (!copy[key]) continue;
    const columns = key === "hconcat" ? copy[key].length : Math.min(copy.columns ?? copy[key].length, copy[key].length);
    const shown = room < NARROW ? 1 : Math.max(1, Math.min(columns, Math.floor(room / (LIMITS[0] + PANEL_EXTRA))));
    copy.concat = copy[key].map((part) => fit(part, numBeside * shown));
    copy.columns = shown;
    if (key === "hconcat") delete copy.hconcat;
  }
  // The numbers beside the rows of a chart are in the tables, too.
  const isBeside = (layer) => layer.mark?.type === "text" && layer.encoding?.x?.value === "width";
  if (copy.layer && room < NARROW) copy.layer = copy.layer.filter((layer) => !isBeside(layer));
  if (copy.vconcat) copy.vconcat = copy.vconcat.map((part) => fit(part, numBeside));
  if (copy.spec) {
    const columns = room < NARROW ? 1 : (copy.columns ?? 1);
    if (copy.columns) copy.columns = columns;
    copy.spec = fit(copy.spec, numBeside * columns);
  }
  if (typeof copy.width === "number") {
    copy.width = Math.max(LIMITS[0], Math.min(LIMITS[1], Math.floor(room / numBeside) - PANEL_EXTRA));
  }
  return copy;
}

async function loadLibraries() {
  const packed = Uint8Array.from(atob(document.getElementById("libraries").textContent), (one) => one.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

const OPTIONS = {
  mode: "vega-lite", renderer: "svg", hover: true,
  actions: { export: true, source: false, compiled: false, editor: false },
};

async function draw(place) {
  const spec = JSON.parse(document.getElementById(place.dataset.spec).textContent);
  const room = place.clientWidth;
  const options = { ...OPTIONS, config: { ...CONFIG, title: { ...CONFIG.title, limit: room - 40 } } };
  await vegaEmbed(place, fitted(spec, room), options);
  const excess = place.querySelector("svg.marks").width.baseVal.value - room;
  if (excess > 1) await vegaEmbed(place, fitted(spec, room - excess), options); // labels beside the panels took room
  const svg = place.querySelector("svg.marks");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", place.dataset.alt);
  place.querySelector("summary")?.setAttribute("aria-label", "Save this chart");
}

async function drawAll() {
  const places = [...document.querySelectorAll("[data-spec]")];
  if (!places.length) return;
  const libraries = loadLibraries();
  for (const place of places) {
    try {
      await libraries;
      await draw(place);
    } catch (error) {
      console.error(error);
      place.textContent = "This chart cannot be drawn by this browser.";
    }
  }
  each("[data-variants]", (choice) => choice.addEventListener("change", () => {
    const place = document.getElementById(choice.dataset.variants);
    place.dataset.spec = choice.value;
    draw(place);
  }));
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return; // as on a phone, whose bars come and go
    width = innerWidth;
    clearTimeout(drawAll.timer);
    drawAll.timer = setTimeout(() => places.forEach(draw), 200);
  });
  root.dataset.drawn = "";
}

drawAll();
