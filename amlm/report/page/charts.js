"use strict";
// Okabe and Ito's colours, lighter where black would be lost; dashes tell further lines apart.
const LIGHT = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b87d00", "#56b4e9", "#555555"];
const DARK = ["#56b4e9", "#ff8c42", "#2fc9a0", "#e29cc2", "#e69f00", "#8ab6ff", "#b8b8b8"];
const DASHES = [[], [8, 4], [2, 3], [8, 3, 2, 3]];
const CIVIDIS = ["#00224e", "#1a386f", "#434e6c", "#61646f", "#7d7c78", "#9b9476", "#bcae6c", "#dfca57", "#fee838"];
const darkScheme = matchMedia("(prefers-color-scheme: dark)");
const charts = new Set();
let printing = false;

const isDark = () => darkScheme.matches && !printing;
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const palette = (i) => (isDark() ? DARK : LIGHT)[i % LIGHT.length];
// Late steps stand out from the page.
function sequential(share) {
  const at = isDark() ? 2 + share * (CIVIDIS.length - 3) : (1 - share) * (CIVIDIS.length - 2);
  return CIVIDIS[Math.round(at)];
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function number(value) {
  if (value === null || value === undefined) return "–";
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(4)));
}

// Lines over a common x: the union of theirs.
function align(lines) {
  const x = [...new Set(lines.flatMap((line) => line.x))].sort((a, b) => a - b);
  const at = new Map(x.map((value, i) => [value, i]));
  const spread = (line, y) => {
    const column = new Array(x.length).fill(undefined);
    if (y) line.x.forEach((value, i) => { column[at.get(value)] = y[i]; });
    return column;
  };
  return [x, ...lines.flatMap((line) => [spread(line, line.y), spread(line, line.low), spread(line, line.high)])];
}

// A chart of lines {name, x, y, low?, high?, share?}; a share in [0, 1] asks for a colour by order.
function chart(title, lines, { x = "step", logarithmic = false, height = 240 } = {}) {
  const holder = element("div", { role: "img", "aria-label": `${title}: ${lines.map((l) => l.name).join(", ")}` });
  const box = element("div", { class: "chart" }, element("h3", {}, title), holder);
  const series = [{ label: x, value: (_, value) => number(value) }];
  const bands = [];
  lines.forEach((line, i) => {
    const stroke = () => (line.share === undefined ? palette(i) : sequential(line.share));
    const edge = { label: "", class: "edge", stroke: "transparent", width: 0, points: { show: false }, spanGaps: true };
    series.push({
      label: line.name, stroke, width: 2, dash: line.share === undefined ? DASHES[Math.floor(i / LIGHT.length) % DASHES.length] : [],
      spanGaps: true, points: { show: line.x.length < 2 }, value: (_, value) => number(value),
    }, { ...edge }, { ...edge });
    if (line.low) bands.push({ series: [3 * i + 3, 3 * i + 2], fill: () => stroke() + "30" });
  });
  const axis = { stroke: () => css("--soft"), grid: { stroke: () => css("--line"), width: 1 }, ticks: { stroke: () => css("--line"), width: 1 } };
  const build = (width) => new uPlot({
    width, height, series, bands,
    scales: {
      x: { time: false, distr: logarithmic ? 3 : 1 },
      y: { range: (_, low, high) => (low === high ? [Math.min(low, 0), high || 1] : uPlot.rangeNum(low, high, 0.1, true)) },
    },
    axes: [{ ...axis, label: x, labelSize: 20, size: 36, values: (_, ticks) => ticks.map((v) => (v === null ? "" : number(v))) },
      { ...axis, size: 60, values: (_, ticks) => ticks.map(number) }],
    // A line hidden by its legend takes its band with it.
    hooks: { setSeries: [(u, i, options) => {
      if (i > 0 && (i - 1) % 3 === 0 && "show" in options) {
        for (const edge of [i + 1, i + 2]) if (u.series[edge].show !== options.show) u.setSeries(edge, { show: options.show });
      }
    }] },
  }, align(lines), holder);
  let plot = null;
  const fit = () => {
    const width = Math.floor(holder.clientWidth);
    if (width < 50) return;
    if (plot === null) plot = build(width);
    else if (plot.width !== width) plot.setSize({ width, height });
  };
  const observer = new ResizeObserver(fit);
  observer.observe(holder);
  const entry = { redraw: () => {
    if (plot === null) return;
    plot.destroy();
    plot = build(Math.floor(holder.clientWidth));
  } };
  charts.add(entry);
  box.discard = () => { observer.disconnect(); charts.delete(entry); if (plot) plot.destroy(); };
  return box;
}

// Replaces the charts in a holder.
function show(holder, ...boxes) {
  for (const old of holder.children) if (old.discard) old.discard();
  holder.replaceChildren(...boxes);
}

const redraw = () => charts.forEach((entry) => entry.redraw());
darkScheme.addEventListener("change", redraw);
addEventListener("beforeprint", () => { printing = true; redraw(); });
addEventListener("afterprint", () => { printing = false; redraw(); });
