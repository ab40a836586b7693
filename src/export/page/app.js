// What the parts of the page share.
import { perSecond, value as formatted } from "./format.js";
import { History } from "./history.js";

export const $ = (id) => document.getElementById(id);

/** So much of the past is shown, in milliseconds. */
export const SPAN = 5 * 60_000;

/** The most samples that are asked for at a time. */
export const MOST_SAMPLES = 10_000;

/** What the address says of the page. Labels and their values are what a family is narrowed to. */
const DEFAULTS = { view: "metrics", q: "", kind: "", sort: "name", own: "", family: "", by: "", agg: "max", show: "", w: "60" };

/** Where not everything means something, what does. */
export const CHOICES = {
  view: ["metrics", "cardinality", "health"],
  kind: ["", "counter", "gauge", "histogram", "summary", "info", "stateset"],
  sort: ["name", "changes", "series"],
  agg: ["max", "min", "sum", "avg"],
  w: ["60", "120", "240"],
};

/** What belongs to one family. */
export const OF_FAMILY = { by: "", agg: "max", show: "", labels: Object.freeze(Object.create(null)) };

function readAddress() {
  const asked = new URLSearchParams(location.search);
  const state = { ...DEFAULTS, labels: Object.create(null) };
  for (const [name, value] of asked) {
    if (name.startsWith("l.")) state.labels[name.slice(2)] = value;
    else if (Object.hasOwn(DEFAULTS, name) && (CHOICES[name]?.includes(value) ?? true)) state[name] = value;
  }
  return state;
}

export const app = {
  history: new History(),
  /** By name, what the summary says of a family and what the page knows of it. */
  families: new Map(),
  state: readAddress(),
  /** The families on screen that are not asked for, as they have too many samples. */
  skipped: [],
  /** Shows all anew. */
  show: () => {},
};

/** Changes the state; a step is one that the browser can go back from. */
export function change(changes, isStep = false) {
  const state = (app.state = { ...app.state, ...changes });
  const asked = new URLSearchParams();
  for (const name in DEFAULTS) if (state[name] !== DEFAULTS[name]) asked.set(name, state[name]);
  for (const label in state.labels) asked.set(`l.${label}`, state.labels[label]);
  const address = `${location.pathname}${asked.size ? `?${asked}` : ""}`;
  if (isStep) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  app.show();
}

/** The browser went back, or forth. */
export function goBack() {
  app.state = readAddress();
  app.show();
}

export function element(name, className, parent, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  parent?.append(made);
  return made;
}

/** Changes a text only if it is another: screen readers and the browser's layout are left alone. */
export function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Whether a family counts what it observes. */
export function observes(family) {
  return family.kind === "histogram" || family.kind === "summary";
}

export function asGauge(family) {
  return family.kind !== "counter" && !observes(family);
}

/** The name of the samples that tell how many there were. */
export function nameOfRate(family) {
  return observes(family) ? `${family.name}_count` : family.name;
}

/** Writes the values of a family: of its rate, or of what `show` says otherwise. */
export function writerOf(family, show) {
  if (show === "rate") return (value) => perSecond(value);
  if (family.kind === "counter") return (value) => perSecond(value, family.unit);
  if (show !== undefined) return (value) => formatted(value, family.unit);
  return (value) => (Number.isNaN(value) ? "NaN" : formatted(value, family.unit));
}
