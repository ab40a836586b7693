// The page: it asks the server for what is on screen, as long as somebody looks, and shows the list of families.
import { $, CHOICES, MOST_SAMPLES, OF_FAMILY, SPAN, app, asGauge, change, element, goBack, nameOfRate, observes, set, writerOf } from "./app.js";
import { showFamily } from "./family.js";
import { drawable, value as formatted, whole } from "./format.js";
import { THRESHOLDS, hasLimits } from "./limits.js";
import { List } from "./list.js";
import { problems, showCardinality, showHealth } from "./tables.js";

/** The most characters of a query: many proxies refuse more than 8 KiB of a request. */
const MOST_CHARACTERS = 6_000;
/** Milliseconds from one poll to the next. */
const POLL = 2_000;
/** So many polls may come early in the time that is shown, so that the history has room for all of that. */
const EARLY = 30;
const SUMMARY_EVERY = 5_000;
/** The percentiles of a histogram. */
const QUANTILES = [0.5, 0.95, 0.99];

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

/** What `read` makes of the server's answer: of its text and its headers. */
async function ask(path, read) {
  try {
    const response = await fetch(path, { signal: AbortSignal.timeout(20_000), cache: "no-store" });
    const text = await response.text();
    if (response.ok) return read(text, response.headers);
    throw new Error(`${response.status} ${text.slice(0, 200).trim()}`);
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
  const text = `The server has not answered as it should since ${lostSince.toLocaleTimeString()}: ${error.message}. What you see is from before; the page goes on when the server does.`;
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
      take(await ask("summary.json", JSON.parse));
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
    const { text, time } = await ask(`values?${names.map(parameter).join("&")}`, (text, headers) => {
      const time = Math.round(Number(headers.get("quipu-time")) * 1000);
      if (!time) throw new Error("this is no answer of a quipu server");
      return { text, time };
    });
    watchedSamples = app.history.add(text, time);
    for (const name of names) update(app.families.get(name));
  } else {
    watchedSamples = 0;
  }
  // A large poll leaves the server and this page as much time as it takes.
  pollIsDue = begun + Math.max(POLL, 2 * (performance.now() - begun));
  showValues();
}

function parameter(name) {
  return `name[]=${encodeURIComponent(name)}`;
}

/** The names that the last poll asked for. */
let asked = new Set();
/** Those of the families that were on screen then. */
let listed = new Set();
/** With which family of the list the next poll begins, where they take turns. */
let turn = "";

/** The families to ask for: the open one, and of those on screen as many as fit, in turn. */
function choose() {
  const candidates = onScreen();
  listed = new Set(candidates.map((family) => family.name));
  asked = new Set();
  app.skipped = [];
  let samples = 0, characters = 0;
  const fits = (family) => samples + family.samples <= MOST_SAMPLES && characters + parameter(family.name).length + 1 <= MOST_CHARACTERS;
  const add = (family) => {
    asked.add(family.name);
    samples += family.samples;
    characters += parameter(family.name).length + 1;
  };
  for (const family of opened()) {
    if (fits(family)) add(family);
    else app.skipped.push(family);
  }
  const room = MOST_SAMPLES - samples;
  const start = Math.max(0, candidates.findIndex((family) => family.name === turn));
  turn = "";
  for (const family of [...candidates.slice(start), ...candidates.slice(0, start)]) {
    if (asked.has(family.name) || app.skipped.includes(family)) continue;
    if (fits(family)) add(family);
    else if (family.samples > room) app.skipped.push(family);
    else turn ||= family.name;
  }
  app.skipped.forEach(forget);
  return [...asked];
}

/** The open family, with the one that has its limits. */
function opened() {
  const family = app.state.view === "metrics" && app.families.get(app.state.family);
  if (!family) return [];
  const limits = hasLimits(family) ? app.families.get(THRESHOLDS) : undefined;
  return limits && limits !== family ? [family, limits] : [family];
}

function onScreen() {
  if (app.state.view !== "metrics") return [];
  // To say what changes most, all have to be looked at; in an order that stays, so that each has its turn.
  return app.state.sort === "changes" ? shown.toSorted((a, b) => (a.name < b.name ? -1 : 1)) : list.visible();
}

/** When polls came early. */
let early = [];

/** Polls soon if something came on screen. */
function hasten(milliseconds) {
  const now = performance.now();
  early = early.filter((time) => time > now - SPAN);
  const isNew = opened().some((family) => !asked.has(family.name) && !app.skipped.includes(family)) || onScreen().some((family) => !listed.has(family.name));
  if (!isNew || early.length === EARLY || pollIsDue <= now + milliseconds) return;
  early.push(now);
  pollIsDue = now + milliseconds;
}

// What is known of a family.

function take(read) {
  summary = read;
  const known = app.families;
  app.families = new Map();
  for (const family of read.families) {
    const before = known.get(family.name);
    const quantiles = family.kind === "histogram" ? QUANTILES : family.quantiles;
    app.families.set(family.name, Object.assign(before ?? { recent: [] }, family, { unit: family.unit ?? unitOf(family.name), quantiles }));
  }
  showAll();
}

function unitOf(name) {
  return /_(seconds|bytes|ratio|percent|dollars)(?:_total)?$/.exec(name)?.[1];
}

/** What the list shows of a family, as a view. */
function ofList({ kind, name }) {
  const show = observes({ kind }) ? "rate" : undefined;
  return { kind, name, matchers: {}, by: "", aggregation: "max", show };
}

function update(family) {
  if (!family) return;
  const asked = ofList(family);
  const window = app.history.window(nameOfRate(family), Number(app.state.w) * 1000);
  family.number = app.history.evaluate(asked, window).get("all");
  family.p95 = family.kind === "histogram" ? app.history.evaluate({ ...asked, show: 0.95 }, window).get("all") : undefined;
  family.state = family.kind === "stateset" && family.series === 1 ? stateOf(family) : undefined;
  family.recent.push([app.history.now, family.number ?? NaN]);
  // They are in order, unless the server's clock was set back.
  family.recent = family.recent.filter(([time]) => time >= app.history.now - SPAN && time <= app.history.now);
  family.change = changeOf(family.recent);
}

/** Nothing is known of the family any more. */
function forget(family) {
  Object.assign(family, { number: undefined, p95: undefined, state: undefined, change: undefined, recent: [] });
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
  change({ ...OF_FAMILY, family: family.name }, true);
  if (matchMedia("(max-width: 900px)").matches) $("name").focus();
});
list.key = (family) => family.name;
list.selected = (family) => family.name === app.state.family;
// Soon after the list has come to rest.
list.onscreen = () => hasten(250);

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
  const isWatched = family.number !== undefined;
  set(now, isWatched ? shortOf(family) : "");
  now.title = isWatched ? String(family.number) : "";
  const p95 = Number.isFinite(family.p95) ? `p95 ${formatted(family.p95, family.unit)}` : `${whole(family.series)} series`;
  set(more, p95);
  path.setAttribute("points", sparkline(family.recent));
}

function shortOf(family) {
  if (family.state !== undefined) return family.state;
  return `${asGauge(family) && family.series > 1 ? "max " : ""}${writerOf(family, ofList(family).show)(family.number)}`;
}

function sparkline(recent) {
  const points = recent.filter(([, value]) => Number.isFinite(value)).map(([time, value]) => [time, drawable(value)]);
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
  found.sort((a, b) => order[app.state.sort](a, b) || (a.name < b.name ? -1 : 1));
  shown = found;
  list.show(found);
  const series = found.reduce((sum, family) => sum + family.series, 0);
  set($("count"), `${whole(found.length)} of ${whole(all.length)} families, ${whole(series)} series`);
}

function showWatched() {
  const what = app.state.sort === "changes" ? "all families of the list" : "the families on screen";
  let text = `Watching ${whole(watchedSamples)} samples, of ${whole(MOST_SAMPLES)} at most: ${what}.`;
  if (turn) text += " They take turns, as they do not fit all at once.";
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
  for (const name of CHOICES.view) $(name).hidden = name !== app.state.view;
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
  } else if (app.state.view === "cardinality") showCardinality($("cardinality"), summary, (name) => change({ ...OF_FAMILY, view: "metrics", family: name, q: "", kind: "", own: name.startsWith("quipu_") ? "1" : app.state.own }, true));
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
  change({ ...OF_FAMILY, family: "" }, true);
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
for (const media of ["(prefers-color-scheme: dark)", "print"]) matchMedia(media).addEventListener("change", () => summary && showFamily());
document.addEventListener("visibilitychange", tick);
setInterval(tick, 100);
app.show = () => {
  showAll();
  hasten(150);
};
addEventListener("popstate", goBack);
showAll();
tick();
