// The page: it asks the server for what is on screen, as long as somebody looks, and shows the list of families.
import { $, MOST_SAMPLES, SPAN, app, asGauge, change, element, goBack, nameOfRate, set } from "./app.js";
import { showFamily } from "./family.js";
import { perSecond, value as formatted, whole } from "./format.js";
import { List } from "./list.js";
import { problems, showCardinality, showHealth } from "./tables.js";

/** The most families that are asked for at a time. */
const MOST_NAMES = 300;
/** Milliseconds from one poll to the next. */
const POLL = 2_000;
const SUMMARY_EVERY = 5_000;

/** What the server said last of all families. */
let summary;
/** The families of the list. */
let shown = [];
let isPaused = false;
/** Since when the server does not answer. */
let lostSince;
/** So many samples had the last poll. */
let watchedSamples = 0;

// What is asked of the server.

/** The server did not answer, or not as it should. */
class Unanswered extends Error {}

/** The text that the server answers with, and its headers. */
async function ask(path) {
  try {
    const response = await fetch(path, { signal: AbortSignal.timeout(20_000), cache: "no-store" });
    const text = await response.text();
    if (response.ok) return { text, headers: response.headers };
    throw new Error(`${response.status} ${text.trim()}`);
  } catch (error) {
    throw new Unanswered(error.message);
  }
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
  $("lost").title = error.message;
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
      summaryIsDue = now + SUMMARY_EVERY;
      take(JSON.parse((await ask("summary.json")).text));
    }
    if (performance.now() >= pollIsDue) await poll();
    failures = 0;
    found();
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error;
    failures += 1;
    summaryIsDue = pollIsDue = performance.now() + Math.min(10_000, 1_000 * failures);
    lost(error);
  } finally {
    isAsking = false;
  }
}

async function poll() {
  const begun = performance.now();
  pollIsDue = begun + POLL;
  const names = choose();
  if (names.length) {
    const { text, headers } = await ask(`values?${names.map((name) => `name[]=${encodeURIComponent(name)}`).join("&")}`);
    const time = Math.round(Number(headers.get("quipu-time")) * 1000);
    watchedSamples = app.history.add(text, time || Date.now());
    for (const name of names) update(app.families.get(name));
  } else {
    watchedSamples = 0;
  }
  // A large poll leaves the server and this page as much time as it takes.
  pollIsDue = begun + Math.max(POLL, 2 * (performance.now() - begun));
  showValues();
}

/** The families to ask for: what is on screen, at most so many samples. */
function choose() {
  const chosen = new Set();
  let samples = 0;
  app.skipped = [];
  const wanted = app.state.view === "metrics" ? onScreen() : [];
  for (const family of wanted) {
    if (!family || chosen.has(family.name)) continue;
    if (samples + family.samples > MOST_SAMPLES || chosen.size === MOST_NAMES) app.skipped.push(family);
    else {
      chosen.add(family.name);
      samples += family.samples;
    }
  }
  return [...chosen];
}

function onScreen() {
  const open = app.families.get(app.state.family);
  // To say what changes most, all have to be looked at; small ones first, so that these are many.
  const listed = app.state.sort === "changes" ? shown.toSorted((a, b) => a.samples - b.samples) : list.visible();
  return [open, ...listed];
}

// What is known of a family.

function take(read) {
  summary = read;
  const known = app.families;
  app.families = new Map();
  for (const family of read.families) {
    const before = known.get(family.name);
    app.families.set(family.name, Object.assign(before ?? { recent: [] }, family, { unit: family.unit ?? unitOf(family.name) }));
  }
  showAll();
}

function unitOf(name) {
  return /_(seconds|bytes|ratio|percent|dollars)(?:_total)?$/.exec(name)?.[1];
}

/** The number that the list shows, with the query that yields it. */
function ofList(family) {
  const base = { kind: family.kind, name: family.name, matchers: {}, by: "", aggregation: "max", quantile: "rate" };
  return family.kind === "summary" || family.kind === "histogram" ? base : { ...base, quantile: undefined };
}

function update(family) {
  if (!family) return;
  const asked = ofList(family);
  const window = app.history.window(nameOfRate(family), Number(app.state.w) * 1000);
  const value = app.history.evaluate(asked, window).get("all") ?? NaN;
  family.number = value;
  family.p95 = family.kind === "histogram" ? app.history.evaluate({ ...asked, quantile: 0.95 }, window).get("all") : undefined;
  if (family.kind === "stateset" && family.series === 1) family.state = stateOf(family);
  family.recent.push([app.history.now, value]);
  while (family.recent[0][0] < app.history.now - SPAN) family.recent.shift();
  family.change = changeOf(family.recent);
}

/** Which of its states holds, or which do. */
function stateOf(family) {
  const place = app.history.times.length - 1;
  const holding = app.history.named(family.name).filter((series) => series.values[place] === 1);
  return holding.map((series) => series.labels[family.name]).join(", ") || "none";
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
list.selected = (family) => family.name === app.state.family;
list.onscreen = () => {
  // Soon after the list has come to rest.
  pollIsDue = Math.min(pollIsDue, performance.now() + 250);
};

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
  const isFound = matcherOf(app.state.q);
  const all = [...app.families.values()];
  const found = all.filter((family) => (app.state.own || !family.own) && (!app.state.kind || family.kind === app.state.kind) && isFound(family));
  const order = { name: () => 0, series: (a, b) => b.series - a.series, changes: (a, b) => (b.change ?? 0) - (a.change ?? 0) };
  if (app.state.sort === "changes" && !mayOrder) return list.draw();
  found.sort((a, b) => order[app.state.sort]?.(a, b) || (a.name < b.name ? -1 : 1));
  shown = found;
  list.show(found);
  const series = found.reduce((sum, family) => sum + family.series, 0);
  set($("count"), `${whole(found.length)} of ${whole(all.length)} families, ${whole(series)} series`);
}

function showWatched() {
  const what = app.state.sort === "changes" ? "all families of the list, small ones first" : "the families on screen";
  let text = `Watching ${whole(watchedSamples)} samples, of ${whole(MOST_SAMPLES)} at most: ${what}.`;
  if (app.skipped.length) {
    const largest = app.skipped.toSorted((a, b) => b.samples - a.samples)[0];
    text += ` Not watched: ${whole(app.skipped.length)}, such as ${largest.name} with ${whole(largest.samples)} samples.`;
  }
  set($("watched"), text);
}

// All of it.

function showState() {
  const isLost = lostSince !== undefined;
  $("dot").className = isLost ? "lost" : isPaused ? "" : "live";
  set($("state-text"), isLost ? "server lost" : isPaused ? "paused" : summary ? "live" : "connecting");
}

function showValues() {
  showState();
  if (app.state.view !== "metrics") return;
  const mayOrder = performance.now() - sortedAt > 5_000;
  if (mayOrder) sortedAt = performance.now();
  showFamilies(mayOrder);
  showWatched();
  showFamily();
}

function showAll() {
  if (!["metrics", "cardinality", "health"].includes(app.state.view)) app.state.view = "metrics";
  for (const name of ["metrics", "cardinality", "health"]) $(name).hidden = name !== app.state.view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === app.state.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const [id, name] of [["search", "q"], ["kind", "kind"], ["sort", "sort"]]) if ($(id).value !== app.state[name]) $(id).value = app.state[name];
  $("own").checked = Boolean(app.state.own);
  document.title = app.state.family && app.state.view === "metrics" ? `${app.state.family} – quipu` : "quipu";
  showState();
  if (!summary) return;
  set($("service"), location.host);
  const number = problems(summary).length;
  $("problems").hidden = number === 0;
  set($("problems"), String(number));
  $("problems").setAttribute("aria-label", `${number} problems`);
  if (app.state.view === "metrics") {
    showFamilies();
    showWatched();
    showFamily();
  } else if (app.state.view === "cardinality") showCardinality($("cardinality"), summary, (name) => change({ view: "metrics", family: name, q: "", own: name.startsWith("quipu_") ? "1" : app.state.own }, true));
  else showHealth($("health"), summary);
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
  if (!app.state.family) return;
  change({ family: "", by: "", agg: "", show: "", labels: Object.create(null) }, true);
  $("families").focus();
}
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target.matches("input, select");
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    $("search").focus();
    $("search").select();
  } else if (event.key === "Escape" && event.target === $("search") && app.state.q) {
    change({ q: "" });
  } else if (event.key === "Escape") close();
  else if (event.key === "ArrowDown" && event.target === $("search")) {
    event.preventDefault();
    $("families").focus();
  }
});

addEventListener("resize", () => app.state.view === "metrics" && summary && showFamily());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => summary && showFamily());
document.addEventListener("visibilitychange", tick);
setInterval(tick, 100);
app.show = () => {
  showAll();
  // Perhaps of other families.
  pollIsDue = Math.min(pollIsDue, performance.now() + 150);
};
addEventListener("popstate", goBack);
showAll();
tick();
