// The page: what the summary and the samples say, on screen.
import { drawHeat, drawLines } from "./chart.js";
import { perSecond, value as formatted, whole } from "./format.js";
import { History } from "./history.js";
import { List } from "./list.js";
import { query } from "./promql.js";
import { showCardinality, showHealth, problems } from "./tables.js";

/** The most samples that are asked for at a time, and the most names. */
const MOST_SAMPLES = 10_000;
const MOST_NAMES = 300;
const SPAN = 5 * 60_000;
const POLL = 2_000;
const SUMMARY_EVERY = 5_000;
const QUANTILES = [0.5, 0.95, 0.99];
const LINES = 8;

const $ = (id) => document.getElementById(id);
const history_ = new History();
/** By name, what the summary says of a family and what the page knows of it. */
let families = new Map();
let summary;
let shown = [];
let view;
let isPaused = false;
let lostSince;
let skipped = [];
let watchedSamples = 0;
let watchedNames = [];
/** The lines of the chart: values at the polls, by group. */
let lines = { key: "", at: new Map() };
/** What the chart shows. */
let drawing = {};

// The state of the page is its address.

const DEFAULTS = { view: "metrics", q: "", kind: "", sort: "name", own: "", family: "", by: "", agg: "", show: "", w: "60" };

function readAddress() {
  const asked = new URLSearchParams(location.search);
  const state = { ...DEFAULTS, labels: Object.create(null) };
  for (const [name, value] of asked) {
    if (name.startsWith("l.")) state.labels[name.slice(2)] = value;
    else if (name in DEFAULTS) state[name] = value;
  }
  return state;
}

let state = readAddress();

function change(changes, isStep = false) {
  state = { ...state, ...changes };
  const asked = new URLSearchParams();
  for (const name in DEFAULTS) if (state[name] !== DEFAULTS[name]) asked.set(name, state[name]);
  for (const label in state.labels) asked.set(`l.${label}`, state.labels[label]);
  const address = `${location.pathname}${asked.size ? `?${asked}` : ""}`;
  if (isStep) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  showAll();
}

addEventListener("popstate", () => {
  state = readAddress();
  showAll();
});

// What is asked of the server.

async function ask(path) {
  const response = await fetch(path, { signal: AbortSignal.timeout(20_000), cache: "no-store" });
  if (!response.ok) throw new Error(`${response.status} ${(await response.text()).trim()}`);
  return response;
}

function found() {
  if (lostSince === undefined) return;
  lostSince = undefined;
  $("lost").hidden = true;
}

function lost(error) {
  lostSince ??= new Date();
  const text = `The server has not answered since ${lostSince.toLocaleTimeString()}. What you see is from before; the page goes on when the server is back.`;
  if ($("lost").hidden) $("lost").textContent = text;
  $("lost").hidden = false;
  $("lost").title = String(error.message ?? error);
  showState();
}

let summaryIsDue = 0;
let pollIsDue = 0;
let failures = 0;
let isAsking = false;

/** Asks for what is due, as long as somebody looks. */
async function tick() {
  if (isAsking || document.hidden || isPaused) return;
  const now = performance.now();
  if (now < Math.min(summaryIsDue, pollIsDue)) return;
  isAsking = true;
  try {
    if (now >= summaryIsDue) {
      take(await (await ask("summary.json")).json());
      summaryIsDue = performance.now() + SUMMARY_EVERY;
    }
    if (performance.now() >= pollIsDue) await poll();
    failures = 0;
    found();
  } catch (error) {
    failures += 1;
    summaryIsDue = pollIsDue = performance.now() + Math.min(10_000, 1_000 * failures);
    lost(error);
  } finally {
    isAsking = false;
  }
}

async function poll() {
  const begun = performance.now();
  const names = choose();
  if (names.length) {
    const response = await ask(`values?${names.map((name) => `name[]=${encodeURIComponent(name)}`).join("&")}`);
    const time = Math.round(Number(response.headers.get("quipu-time")) * 1000);
    const text = await response.text();
    watchedSamples = history_.add(text, time || Date.now());
    watchedNames = names;
    for (const name of names) update(families.get(name));
  } else {
    watchedSamples = 0;
    watchedNames = [];
  }
  // A large poll leaves the server and this page as much time as it takes.
  pollIsDue = begun + Math.max(POLL, 2 * (performance.now() - begun));
  showValues();
}

/** The families to ask for: what is on screen, at most so many samples. */
function choose() {
  const chosen = new Set();
  let samples = 0;
  skipped = [];
  const wanted = state.view === "metrics" ? onScreen() : [];
  for (const family of wanted) {
    if (!family || chosen.has(family.name)) continue;
    if (samples + family.samples > MOST_SAMPLES || chosen.size === MOST_NAMES) skipped.push(family);
    else {
      chosen.add(family.name);
      samples += family.samples;
    }
  }
  return [...chosen];
}

function onScreen() {
  const open = families.get(state.family);
  // To say what changes most, all have to be looked at; small ones first, so that these are many.
  const listed = state.sort === "changes" ? shown.toSorted((a, b) => a.samples - b.samples) : list.visible();
  return [open, ...listed];
}

// What is known of a family.

function take(read) {
  summary = read;
  const known = families;
  families = new Map();
  for (const family of read.families) {
    const before = known.get(family.name);
    families.set(family.name, Object.assign(before ?? { recent: [] }, family, { unit: family.unit ?? unitOf(family.name) }));
  }
  showAll();
}

function unitOf(name) {
  return /_(seconds|bytes|ratio|percent|dollars)(?:_total)?$/.exec(name)?.[1];
}

function asGauge(family) {
  return !["counter", "histogram", "summary"].includes(family.kind);
}

/** The number that the list shows, with the query that yields it. */
function ofList(family) {
  const base = { kind: family.kind, name: family.name, matchers: {}, by: "", aggregation: "max", quantile: "rate" };
  return family.kind === "summary" || family.kind === "histogram" ? base : { ...base, quantile: undefined };
}

function update(family) {
  if (!family) return;
  const asked = ofList(family);
  const window = history_.window(nameOfRate(family), Number(state.w) * 1000);
  const value = history_.evaluate(asked, window).get("all") ?? NaN;
  family.number = value;
  family.p95 = family.kind === "histogram" ? history_.evaluate({ ...asked, quantile: 0.95 }, window).get("all") : undefined;
  if (family.kind === "stateset" && family.series === 1) family.state = stateOf(family);
  family.recent.push([history_.now, value]);
  while (family.recent[0][0] < history_.now - SPAN) family.recent.shift();
  family.change = changeOf(family.recent);
}

/** Which of its states holds, or which do. */
function stateOf(family) {
  const place = history_.times.length - 1;
  const holding = history_.named(family.name).filter((series) => series.values[place] === 1);
  return holding.map((series) => series.labels[family.name]).join(", ") || "none";
}

function nameOfRate(family) {
  return family.kind === "histogram" || family.kind === "summary" ? `${family.name}_count` : family.name;
}

/** How much the last quarter of a minute differs from what was before: 0 not at all, 1 wholly. */
function changeOf(recent) {
  const since = (recent.at(-1)?.[0] ?? 0) - 15_000;
  const mean = (values) => (values.length ? values.reduce((sum, [, value]) => sum + value, 0) / values.length : NaN);
  const finite = recent.filter(([, value]) => Number.isFinite(value));
  const [before, after] = [mean(finite.filter(([time]) => time < since)), mean(finite.filter(([time]) => time >= since))];
  return Math.abs(after - before) / Math.max(Math.abs(after), Math.abs(before)) || 0;
}

// The list of families.

const list = new List($("families"), 56, makeFamily, fillFamily, (family) => {
  change({ family: family.name, by: "", agg: "", show: "", labels: Object.create(null) }, true);
  if (matchMedia("(max-width: 900px)").matches) $("name").focus();
});
list.key = (family) => family.name;
list.selected = (family) => family.name === state.family;
list.onscreen = () => {
  // Soon after the list has come to rest.
  pollIsDue = Math.min(pollIsDue, performance.now() + 250);
};

function element(name, className, parent, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  parent?.append(made);
  return made;
}

function makeFamily() {
  const row = element("div", "family");
  row.parts = { name: element("div", "name", row) };
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 104 34");
  svg.setAttribute("aria-hidden", "true");
  row.parts.path = svg.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "polyline"));
  row.append(svg);
  row.parts.now = element("div", "now", row);
  const about = element("div", "about", row);
  row.parts.kind = element("span", "kind", about);
  row.parts.help = element("span", "", about);
  row.parts.more = element("div", "more", row);
  return row;
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function fillFamily(row, family) {
  const { name, path, now, kind, help, more } = row.parts;
  row.dataset.kind = family.kind;
  set(name, family.name);
  set(kind, family.kind);
  const labels = family.labels.map((label) => label.name).join(", ");
  set(help, `  ${labels ? `{${labels}}  ` : ""}${family.help}`);
  row.title = family.help;
  const isWatched = Number.isFinite(family.number);
  set(now, isWatched ? shortOf(family) : "");
  now.title = isWatched ? String(family.number) : "";
  const p95 = Number.isFinite(family.p95) ? `p95 ${formatted(family.p95, family.unit)}` : `${whole(family.series)} series`;
  set(more, p95);
  path.setAttribute("points", sparkline(family.recent));
}

function shortOf(family) {
  if (family.state !== undefined) return family.state;
  if (!asGauge(family)) return perSecond(family.number, family.kind === "counter" ? family.unit : undefined);
  return `${family.series > 1 ? "max " : ""}${formatted(family.number, family.unit)}`;
}

function sparkline(recent) {
  const points = recent.filter(([, value]) => Number.isFinite(value));
  if (points.length < 2) return "";
  const end = points.at(-1)[0];
  const span = Math.max(60_000, end - points[0][0]);
  let [least, most] = [Infinity, -Infinity];
  for (const [, value] of points) [least, most] = [Math.min(least, value), Math.max(most, value)];
  if (!(most - least > Math.abs(most) * 1e-3)) [least, most] = [least - (Math.abs(least) || 1), most + (Math.abs(most) || 1)];
  return points
    .map(([time, value]) => `${(104 - ((end - time) / span) * 104).toFixed(1)},${(32 - ((value - least) / (most - least)) * 30).toFixed(1)}`)
    .join(" ");
}

/** Words that all have to be found; `*` stands for anything, in a whole name. */
function matcherOf(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const tests = words.map((word) => {
    if (!word.includes("*")) return (family) => family.searched.includes(word);
    const pattern = new RegExp(`^${word.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&")).join(".*")}$`);
    return (family) => pattern.test(family.name.toLowerCase());
  });
  return (family) => {
    family.searched ??= [family.name, family.help, ...family.labels.map((label) => label.name)].join("\n").toLowerCase();
    return tests.every((test) => test(family));
  };
}

let sortedAt = 0;

function showFamilies(mayOrder = true) {
  const isFound = matcherOf(state.q);
  const all = [...families.values()];
  const found = all.filter((family) => (state.own || !family.own) && (!state.kind || family.kind === state.kind) && isFound(family));
  const order = { name: () => 0, series: (a, b) => b.series - a.series, changes: (a, b) => (b.change ?? 0) - (a.change ?? 0) };
  if (state.sort === "changes" && !mayOrder) return list.draw();
  found.sort((a, b) => order[state.sort]?.(a, b) || (a.name < b.name ? -1 : 1));
  shown = found;
  list.show(found);
  const series = found.reduce((sum, family) => sum + family.series, 0);
  set($("count"), `${whole(found.length)} of ${whole(all.length)} families, ${whole(series)} series`);
}

function showWatched() {
  const what = state.sort === "changes" ? "all families of the list, small ones first" : "the families on screen";
  let text = `Watching ${whole(watchedSamples)} samples, of ${whole(MOST_SAMPLES)} at most: ${what}.`;
  if (skipped.length) {
    const largest = skipped.toSorted((a, b) => b.samples - a.samples)[0];
    text += ` Not watched: ${whole(skipped.length)}, such as ${largest.name} with ${whole(largest.samples)} samples.`;
  }
  set($("watched"), text);
}

// One family.

function currentView(family) {
  const isKnown = state.by === "*" || family.labels.some((label) => label.name === state.by);
  const by = isKnown ? state.by : "";
  const quantiles = family.kind === "histogram" || family.kind === "summary";
  const asked = state.show || (family.kind === "histogram" ? "0.95" : family.kind === "summary" ? "0.99" : "");
  const quantile = quantiles ? (asked === "rate" ? "rate" : Number(asked)) : undefined;
  return { kind: family.kind, name: family.name, matchers: state.labels, by, aggregation: state.agg || "max", quantile };
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
        const changed = { ...state.labels };
        if (value) changed[label] = value;
        else delete changed[label];
        return { labels: changed };
      });
    }
  }
  for (const box of form.querySelectorAll("select")) {
    if (box.name.startsWith("l.")) fillValues(box, family, box.name.slice(2));
    else box.value = state[box.name] || box.options[0].value;
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
  for (const series of history_.named(nameOfRate(family))) {
    if (values.size >= 200) break;
    if (series.labels[label]) values.add(series.labels[label]);
  }
  const chosen = state.labels[label] ?? "";
  if (chosen) values.add(chosen);
  const sorted = [...values].sort();
  const key = sorted.join("\n");
  if (box.dataset.values !== key) {
    box.dataset.values = key;
    box.replaceChildren(new Option("any", ""), ...sorted.map((value) => new Option(value, value)));
  }
  box.value = chosen;
}

function showFamily() {
  const family = families.get(state.family);
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
  const isTooLarge = skipped.includes(family);
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
  const wanted = Number(state.w) * 1000;
  const window = history_.window(nameOfRate(family), wanted);
  const stats = statsOf(family);
  const box = $("stats");
  while (box.childElementCount > stats.length) box.lastElementChild.remove();
  stats.forEach(([name, asked, text], n) => {
    const button = box.children[n] ?? makeStat(box);
    const value = history_.times.length ? history_.evaluate(asked, window).get("all") : undefined;
    const number = value ?? NaN;
    const [small, data] = button.children;
    set(small.lastElementChild, view.by === "" ? name : `${name} of all`);
    // The colour of its line, where each has one.
    small.firstElementChild.hidden = stats.length === 1 || view.by !== "" || (n === 0) !== (view.quantile === "rate");
    small.firstElementChild.style.background = `var(--line-${Math.max(0, n - 1)})`;
    set(data, Number.isNaN(number) ? "–" : text(number));
    data.value = String(number);
    data.dataset.time = history_.now ?? "";
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
  const family = families.get(state.family);
  if (!family || !view || view.by === "") return;
  if (view.by !== "*") return change({ labels: { ...state.labels, [view.by]: group }, by: "" }, true);
  const series = history_.named(nameOfRate(family)).find((series) => (series.text ?? "") === group);
  const labels = { ...state.labels };
  for (const label of family.labels) if (series?.labels[label.name]) labels[label.name] = series.labels[label.name];
  change({ labels, by: "" }, true);
});
groups.key = ([group]) => group;

function makeGroup() {
  const row = element("div", "group");
  row.parts = { swatch: element("i", "", row), text: element("span", "text", row), now: element("span", "now", row) };
  return row;
}

function fillGroup(row, [group, value, line], at) {
  row.parts.swatch.style.background = line === undefined ? "transparent" : `var(--line-${line})`;
  const name = view.by === "" ? "all series" : view.by === "*" ? group : `${view.by}=${JSON.stringify(group)}`;
  set(row.parts.text, name);
  row.title = name;
  set(row.parts.now, textOf(value));
  row.parts.now.title = String(value);
}

function textOf(value) {
  const family = families.get(state.family);
  if (!family) return "";
  if (view.quantile === "rate") return perSecond(value);
  return family.kind === "counter" ? perSecond(value, family.unit) : formatted(value, family.unit);
}

function showGroups(family, window) {
  const now = history_.times.length ? history_.evaluate(view, window) : new Map();
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
  const key = JSON.stringify([view, state.w, quantiles]);
  if (lines.key !== key) lines = { key, at: new Map() };
  const times = history_.times;
  const wanted = Number(state.w) * 1000;
  const begun = performance.now();
  // The newest first: what is not done in time is done with the next poll.
  for (let n = times.length - 1; n >= 0 && performance.now() - begun < 12; n--) {
    if (lines.at.has(times[n])) continue;
    // As the query was then, with as long a window as there were samples.
    const then = n === times.length - 1 ? window : history_.window(nameOfRate(family), wanted, n);
    lines.at.set(times[n], views.map(([, asked]) => history_.evaluate(asked, then, n)));
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
  const times = history_.times;
  const base = { ...view, by: "" };
  const columns = times.map((time, n) => {
    if (n === 0) return undefined;
    // Of each series, so that one that was reset does not count below zero.
    const increase = ({ values }) => (values[n] >= values[n - 1] ? values[n] - values[n - 1] : values[n] + 0 * values[n - 1]);
    return history_.buckets(base, increase).get("all");
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

// All of it.

function showState() {
  const isLost = lostSince !== undefined;
  $("dot").className = isLost ? "lost" : isPaused ? "" : "live";
  set($("state-text"), isLost ? "server lost" : isPaused ? "paused" : summary ? "live" : "connecting");
}

function showValues() {
  showState();
  if (state.view !== "metrics") return;
  const mayOrder = performance.now() - sortedAt > 5_000;
  if (mayOrder) sortedAt = performance.now();
  showFamilies(mayOrder);
  showWatched();
  showFamily();
}

function showAll() {
  if (!["metrics", "cardinality", "health"].includes(state.view)) state.view = "metrics";
  for (const name of ["metrics", "cardinality", "health"]) $(name).hidden = name !== state.view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === state.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const [id, name] of [["search", "q"], ["kind", "kind"], ["sort", "sort"]]) if ($(id).value !== state[name]) $(id).value = state[name];
  $("own").checked = Boolean(state.own);
  document.title = state.family && state.view === "metrics" ? `${state.family} – quipu` : "quipu";
  showState();
  if (!summary) return;
  set($("service"), location.host);
  const number = problems(summary).length;
  $("problems").hidden = number === 0;
  set($("problems"), String(number));
  $("problems").setAttribute("aria-label", `${number} problems`);
  if (state.view === "metrics") {
    showFamilies();
    showWatched();
    showFamily();
  } else if (state.view === "cardinality") showCardinality($("cardinality"), summary, (name) => change({ view: "metrics", family: name, q: "", own: name.startsWith("quipu_") ? "1" : state.own }, true));
  else showHealth($("health"), summary);
  pollIsDue = Math.min(pollIsDue, performance.now() + 150);
}

for (const link of document.querySelectorAll("nav a")) {
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    change({ view: link.dataset.view }, true);
  });
}
for (const form of ["filters", "controls"]) $(form).addEventListener("submit", (event) => event.preventDefault());
$("search").addEventListener("input", () => change({ q: $("search").value }));
$("kind").addEventListener("change", () => change({ kind: $("kind").value }));
$("sort").addEventListener("change", () => change({ sort: $("sort").value }));
$("own").addEventListener("change", () => change({ own: $("own").checked ? "1" : "" }));
$("pause").addEventListener("click", () => {
  isPaused = !isPaused;
  $("pause").setAttribute("aria-pressed", isPaused);
  showState();
});
$("close").addEventListener("click", close);
function close() {
  if (!state.family) return;
  change({ family: "", by: "", agg: "", show: "", labels: Object.create(null) }, true);
  $("families").focus();
}
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
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target.matches("input, select");
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    $("search").focus();
    $("search").select();
  } else if (event.key === "Escape" && event.target === $("search") && state.q) {
    change({ q: "" });
  } else if (event.key === "Escape") close();
  else if (event.key === "ArrowDown" && event.target === $("search")) {
    event.preventDefault();
    $("families").focus();
  }
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
addEventListener("resize", () => state.view === "metrics" && summary && showFamily());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => summary && showFamily());
document.addEventListener("visibilitychange", tick);
setInterval(tick, 100);
showAll();
tick();
