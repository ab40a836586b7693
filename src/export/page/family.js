// One family: its values now, its chart, its groups, and the query of all that.
import { $, MOST_SAMPLES, SPAN, app, asGauge, change, element, nameOfRate, set } from "./app.js";
import { drawHeat, drawLines } from "./chart.js";
import { perSecond, value as formatted, whole } from "./format.js";
import { List } from "./list.js";
import { query } from "./promql.js";

/** The percentiles of a histogram. */
const QUANTILES = [0.5, 0.95, 0.99];
/** So many lines are drawn. */
const LINES = 8;

/** What is shown of the family, as `query` takes it. */
let view;
/** The results of the chart's queries, by the times of the polls. */
let lines = { key: "", at: new Map() };
/** What the chart shows. */
let drawing = {};

function currentView(family) {
  const isKnown = app.state.by === "*" || family.labels.some((label) => label.name === app.state.by);
  const by = isKnown ? app.state.by : "";
  const quantiles = family.kind === "histogram" || family.kind === "summary";
  const asked = app.state.show || (family.kind === "histogram" ? "0.95" : String(family.quantiles.at(-1) ?? ""));
  const quantile = quantiles ? (asked === "rate" ? "rate" : Number(asked)) : undefined;
  return { kind: family.kind, name: family.name, matchers: app.state.labels, by, aggregation: app.state.agg || "max", quantile };
}

function showControls(family) {
  const form = $("controls");
  const key = JSON.stringify([family.name, family.labels.map((label) => label.name)]);
  if (form.dataset.key !== key) {
    form.dataset.key = key;
    form.replaceChildren();
    const labels = family.labels.map((label) => label.name);
    if (labels.length) select(form, "by", "by", [["", "all in one"], ...labels.map((name) => [name, name]), ["*", "each series"]], (by) => ({ by }));
    if (asGauge(family)) select(form, "agg", "of several", ["max", "min", "sum", "avg"].map((name) => [name, name]), (agg) => ({ agg }));
    else select(form, "w", "rate over", [["30", "30 s"], ["60", "1 min"], ["120", "2 min"], ["240", "4 min"]], (w) => ({ w }));
    for (const label of labels) {
      select(form, `l.${label}`, label, [["", "any"]], (value) => {
        const changed = { ...app.state.labels };
        if (value) changed[label] = value;
        else delete changed[label];
        return { labels: changed };
      });
    }
  }
  for (const box of form.querySelectorAll("select")) {
    if (box.name.startsWith("l.")) fillValues(box, family, box.name.slice(2));
    else box.value = app.state[box.name] || box.options[0].value;
  }
}

function select(form, name, text, options, changes) {
  const label = element("label", "", form, text);
  const box = element("select", "", label);
  box.name = name;
  for (const [value, text] of options) box.append(new Option(text, value));
  box.addEventListener("change", () => change(changes(box.value)));
}

/** The known values of a label, and those that were seen; 200 of them at most. */
function fillValues(box, family, label) {
  if (document.activeElement === box) return;
  const values = new Set(family.labels.find((known) => known.name === label)?.values ?? []);
  for (const series of app.history.named(nameOfRate(family))) {
    if (values.size >= 200) break;
    if (series.labels[label]) values.add(series.labels[label]);
  }
  const chosen = app.state.labels[label] ?? "";
  if (chosen) values.add(chosen);
  const sorted = [...values].sort();
  const key = sorted.join("\n");
  if (box.dataset.values !== key) {
    box.dataset.values = key;
    box.replaceChildren(new Option("any", ""), ...sorted.map((value) => new Option(value, value)));
  }
  box.value = chosen;
}

export function showFamily() {
  const family = app.families.get(app.state.family);
  $("detail").hidden = !family;
  $("nothing").hidden = Boolean(family);
  $("metrics").classList.toggle("open", Boolean(family));
  if (!family) return;
  view = currentView(family);
  const article = $("detail");
  article.dataset.kind = family.kind;
  set($("name"), family.name);
  set($("detail-kind"), family.kind);
  set($("help"), family.help || "No help text.");
  set($("facts"), factsOf(family));
  showControls(family);
  const isTooLarge = app.skipped.includes(family);
  $("unwatched").hidden = !isTooLarge;
  if (isTooLarge) {
    set($("unwatched"), `This family has ${whole(family.samples)} samples. The page asks for ${whole(MOST_SAMPLES)} at most, so it shows no values of it: copy the query, and ask Prometheus.`);
  }
  showDetail(family);
}

function factsOf(family) {
  const facts = [`${whole(family.series)} series${family.max_series ? ` of ${whole(family.max_series)}` : ""}`];
  if (family.bytes) facts.push(formatted(family.bytes, "bytes"));
  if (family.unit) facts.push(`unit ${family.unit}`);
  for (const label of family.labels) {
    const known = label.values ? `${label.values.length} known values` : label.count !== null ? `${whole(label.count)} values${label.max_values ? ` of ${whole(label.max_values)}` : ""}` : "any values";
    facts.push(`${label.name}: ${known}`);
  }
  if (family.collector) facts.push(`read at a scrape by ${family.collector}`);
  return facts.join(" · ");
}

/** The stats of a view: each a name, a view and a way to write its value. */
function statsOf(family) {
  const base = { ...view, by: "" };
  const unit = family.unit;
  if (family.kind === "histogram" || family.kind === "summary") {
    const known = family.kind === "summary" ? family.quantiles : QUANTILES;
    return [
      ["rate", { ...base, quantile: "rate" }, (value) => perSecond(value)],
      ...known.map((q) => [`p${Number((q * 100).toFixed(4))}`, { ...base, quantile: q }, (value) => formatted(value, unit)]),
    ];
  }
  if (family.kind === "counter") return [["rate", base, (value) => perSecond(value, unit)]];
  return [[base.aggregation, base, (value) => formatted(value, unit)]];
}

function showDetail(family) {
  const wanted = Number(app.state.w) * 1000;
  const window = app.history.window(nameOfRate(family), wanted);
  const stats = statsOf(family);
  const box = $("stats");
  while (box.childElementCount > stats.length) box.lastElementChild.remove();
  stats.forEach(([name, asked, text], n) => {
    const button = box.children[n] ?? makeStat(box);
    const value = app.history.times.length ? app.history.evaluate(asked, window).get("all") : undefined;
    const number = value ?? NaN;
    const [small, data] = button.children;
    set(small.lastElementChild, view.by === "" ? name : `${name} of all`);
    // The colour of its line, where each has one.
    small.firstElementChild.hidden = stats.length === 1 || view.by !== "" || (n === 0) !== (view.quantile === "rate");
    small.firstElementChild.style.background = `var(--line-${Math.max(0, n - 1)})`;
    set(data, Number.isNaN(number) ? "–" : text(number));
    data.value = String(number);
    data.dataset.time = app.history.now ?? "";
    data.title = String(number);
    data.dataset.query = query(asked, window);
    button.dataset.show = asked.quantile ?? "";
    button.setAttribute("aria-pressed", String(asked.quantile ?? "") === String(view.quantile ?? ""));
    button.disabled = stats.length === 1;
  });
  const text = query(view, window);
  set($("query"), text);
  showGroups(family, window);
  showChart(family, window);
}

function makeStat(box) {
  const button = element("button", "", box);
  button.type = "button";
  const small = element("small", "", button);
  element("i", "", small);
  element("span", "", small);
  element("data", "", button);
  button.addEventListener("click", () => change({ show: button.dataset.show }));
  return button;
}

// The groups of a family, and its chart.

const groups = new List($("groups"), 30, makeGroup, fillGroup, ([group]) => {
  const family = app.families.get(app.state.family);
  if (!family || !view || view.by === "") return;
  if (view.by !== "*") return change({ labels: { ...app.state.labels, [view.by]: group }, by: "" }, true);
  const series = app.history.named(nameOfRate(family)).find((series) => (series.text ?? "") === group);
  const labels = { ...app.state.labels };
  for (const label of family.labels) if (series?.labels[label.name]) labels[label.name] = series.labels[label.name];
  change({ labels, by: "" }, true);
});
groups.key = ([group]) => group;

function makeGroup() {
  const row = element("div", "group");
  row.parts = { swatch: element("i", "", row), text: element("span", "text", row), now: element("span", "now", row) };
  return row;
}

function fillGroup(row, [group, value, line]) {
  row.parts.swatch.style.background = line === undefined ? "transparent" : `var(--line-${line})`;
  const name = view.by === "" ? "all series" : view.by === "*" ? group : `${view.by}=${JSON.stringify(group)}`;
  set(row.parts.text, name);
  row.title = name;
  set(row.parts.now, textOf(value));
  row.parts.now.title = String(value);
}

function textOf(value) {
  const family = app.families.get(app.state.family);
  if (!family) return "";
  if (view.quantile === "rate") return perSecond(value);
  return family.kind === "counter" ? perSecond(value, family.unit) : formatted(value, family.unit);
}

function showGroups(family, window) {
  const now = app.history.times.length ? app.history.evaluate(view, window) : new Map();
  const size = (value) => (Number.isNaN(value) ? -Infinity : value);
  const sorted = [...now].sort((a, b) => size(b[1]) - size(a[1]) || (a[0] < b[0] ? -1 : 1));
  $("groups").hidden = $("groups-title").hidden = view.by === "";
  groups.show(sorted.map(([group, value], n) => [group, value, n < LINES ? n : undefined]));
  const more = sorted.length > LINES ? `, the ${LINES} largest drawn` : "";
  set($("groups-title"), `${whole(sorted.length)} ${view.by === "*" ? "series" : `values of ${view.by}`}${more}`);
}

/** The values at all polls of what the chart draws, of which most are known from before. */
function showChart(family, window) {
  const quantiles = view.by === "" && (family.kind === "histogram" || family.kind === "summary") && view.quantile !== "rate";
  const views = quantiles
    ? (family.kind === "summary" ? family.quantiles : QUANTILES).slice(0, LINES).map((q) => [`p${Number((q * 100).toFixed(4))}`, { ...view, quantile: q }])
    : [["", view]];
  const key = JSON.stringify([view, app.state.w, quantiles]);
  if (lines.key !== key) lines = { key, at: new Map() };
  const times = app.history.times;
  const wanted = Number(app.state.w) * 1000;
  const begun = performance.now();
  // The newest first: what is not done in time is done with the next poll.
  for (let n = times.length - 1; n >= 0 && performance.now() - begun < 12; n--) {
    if (lines.at.has(times[n])) continue;
    // As the query was then, with as long a window as there were samples.
    const then = n === times.length - 1 ? window : app.history.window(nameOfRate(family), wanted, n);
    lines.at.set(times[n], views.map(([, asked]) => app.history.evaluate(asked, then, n)));
  }
  for (const time of lines.at.keys()) if (time < times[0]) lines.at.delete(time);
  const values = (of, group) => times.map((time) => lines.at.get(time)?.[of].get(group) ?? NaN);
  const drawn = quantiles
    ? views.map(([name], of) => ({ name, values: values(of, "all"), color: `--line-${of}` }))
    : groups.items.slice(0, LINES).map(([group], n) => ({ name: view.by ? group : family.name, values: values(0, group), color: `--line-${n}` }));
  const isRate = family.kind === "counter" || view.quantile === "rate";
  const title = isRate ? "Rate a second" : quantiles ? "Percentiles" : view.quantile ? `p${view.quantile * 100}` : "Value";
  set($("chart-title"), title);
  const to = times.at(-1) ?? Date.now();
  const span = { from: Math.max(to - SPAN, Math.min(times[0] ?? to, to - 60_000)), to };
  drawing = { times, lines: drawn, unit: isRate ? undefined : family.unit, ...span, hover: drawing.hover };
  drawLines($("chart"), drawing);
  set($("chart-text"), drawn.map((line) => `${line.name}: ${textOf(line.values.at(-1))}`).join("; "));
  showHeat(family, span);
  showTable(family, times, drawn, isRate);
}

function showHeat(family, span) {
  $("heat-box").hidden = family.kind !== "histogram";
  if (family.kind !== "histogram") return;
  const times = app.history.times;
  const base = { ...view, by: "" };
  const columns = times.map((time, n) => {
    if (n === 0) return undefined;
    // Of each series, so that one that was reset does not count below zero.
    const increase = ({ values }) => (values[n] >= values[n - 1] ? values[n] - values[n - 1] : values[n] + 0 * values[n - 1]);
    return app.history.buckets(base, increase).get("all");
  });
  const rows = [...new Set(family.bounds.concat(Infinity))];
  const counts = columns.map((column, n) => {
    if (!column) return undefined;
    let below = 0;
    return rows.map((bound) => {
      const cumulative = column.get(bound) ?? below;
      const count = (cumulative - below) / ((times[n] - times[n - 1]) / 1000);
      below = cumulative;
      return count;
    });
  });
  drawHeat($("heat"), { times, rows, columns: counts, unit: family.unit, ...span });
  const last = counts.at(-1);
  const most = last ? rows[last.indexOf(Math.max(...last))] : undefined;
  set($("heat-text"), most === undefined ? "" : `Most observations now are at most ${formatted(most, family.unit)}.`);
}

function showTable(family, times, drawn, isRate) {
  const box = $("table-box");
  if (box.hidden) return;
  const text = (value) => (isRate ? perSecond(value, family.kind === "counter" ? family.unit : undefined) : formatted(value, family.unit));
  const table = element("table");
  element("caption", "hidden", table, "Values of the chart, the newest first");
  const head = element("tr", "", element("thead", "", table));
  for (const name of ["time", ...drawn.map((line) => line.name)]) element("th", "", head, name).scope = "col";
  const body = element("tbody", "", table);
  for (let n = times.length - 1; n >= Math.max(0, times.length - 30); n--) {
    const row = element("tr", "", body);
    element("th", "", row, new Date(times[n]).toLocaleTimeString([], { hour12: false })).scope = "row";
    for (const line of drawn) element("td", "", row, text(line.values[n]));
  }
  const top = box.scrollTop;
  box.replaceChildren(table);
  box.scrollTop = top;
}

// What can be done.

$("as-table").addEventListener("click", () => {
  const box = $("table-box");
  box.hidden = !box.hidden;
  $("as-table").setAttribute("aria-pressed", !box.hidden);
  showFamily();
});
$("copy").addEventListener("click", async () => {
  const text = $("query").textContent;
  const isCopied = await copy(text);
  set($("copied"), isCopied ? "Copied" : "Press Ctrl+C");
  setTimeout(() => set($("copied"), ""), 3_000);
});

/** Without HTTPS, browsers have no clipboard for pages; the selection is left for the keyboard then. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren($("query"));
    return document.execCommand("copy");
  }
}

for (const event of ["pointermove", "pointerleave"]) {
  $("chart").addEventListener(event, ({ offsetX }) => {
    drawing.hover = event === "pointermove" ? offsetX : undefined;
    if (drawing.times) drawLines($("chart"), drawing);
  });
}
