// The graphs of a family: lines, the heat map of a histogram, the states of a state set; and all that as a table.
import { $, SPAN, app, element, nameOfRate, set, writerOf } from "./app.js";
import { drawHeat, drawLines } from "./chart.js";
import { percentile, value as formatted } from "./format.js";
import { narrowed } from "./history.js";
import { limitsOf } from "./limits.js";

/** So many lines are drawn. */
export const LINES = 8;

/** So many states are drawn. */
export const STATES = 24;

/** What was computed at each poll, which stays as it is. */
class Computed {
  at = new Map();

  /** `compute(n)` of each poll, the newest first. What is not done in time is done with the next poll. */
  of(times, isInTime, compute) {
    for (let n = times.length - 1; n >= 0 && isInTime(); n--) {
      if (!this.at.has(times[n])) this.at.set(times[n], compute(n));
    }
    for (const time of this.at.keys()) if (time < times[0]) this.at.delete(time);
    return times.map((time) => this.at.get(time));
  }
}

/** What was computed, by the view of a line, or of a heat map. */
const computed = new Map();

function computedOf(view) {
  const key = JSON.stringify([view, app.state.w]);
  const known = computed.get(key) ?? new Computed();
  // Those that were asked for last are kept.
  computed.delete(key);
  computed.set(key, known);
  if (computed.size > 4 * LINES) computed.delete(computed.keys().next().value);
  return known;
}

/** What the chart shows. */
let drawing;

/** Shows what came of a view, of which these groups are drawn, each with its name. */
export function showGraphs(family, view, window, groups) {
  const { times } = app.history;
  const begun = performance.now();
  const isInTime = () => performance.now() - begun < 60;
  const to = times.at(-1) ?? Date.now();
  const span = { from: Math.max(to - SPAN, Math.min(times[0] ?? to, to - 60_000)), to };
  const lines = linesOf(family, view, groups).map((line, n) => {
    const values = computedOf(line.view).of(times, isInTime, (n) => valueAt(family, line.view, window, n));
    return { name: line.name, values, color: `--line-${n}` };
  });
  set($("chart-title"), titleOf(family, view));
  const text = writerOf(family, view.show);
  const limits = limitsOf(family, view);
  const isOfStates = family.kind === "stateset";
  $("chart").style.height = isOfStates ? `${32 + 22 * Math.max(lines.length, 1)}px` : "";
  drawing = { times, lines, limits, unit: view.show === "rate" ? undefined : family.unit, text, ...span, hover: drawing?.hover, isOfStates };
  draw();
  set($("chart-text"), lines.map((line) => `${line.name}: ${text(line.values.at(-1))}`).join("; "));
  const compared = limits.map(({ name, value }) => `${text(value)} (${name})`);
  set($("limits"), compared.length ? `Alerts compare with ${compared.join(", ")}.` : "");
  $("limits").hidden = !limits.length;
  showHeat(family, { ...view, by: "" }, span, isInTime);
  showTable(times, lines, text);
}

/** What the lines stand for, each with a view whose only group it is. */
function linesOf(family, view, groups) {
  if (typeof view.show === "number" && view.by === "") {
    return family.quantiles.slice(0, LINES).map((quantile) => ({ name: percentile(quantile), view: { ...view, show: quantile } }));
  }
  const shown = family.kind === "stateset" ? inOrder(family, groups) : groups;
  return shown.map(([group, name]) => ({ name, view: { ...view, matchers: narrowed(view, group), by: "" } }));
}

/** The states as they were declared, and not first those that hold now. */
function inOrder(family, groups) {
  const known = family.labels.at(-1)?.values ?? [];
  const place = ([group, name]) => [known.indexOf(group), name];
  return groups.toSorted((a, b) => {
    const [[n, one], [m, other]] = [place(a), place(b)];
    return n - m || (one < other ? -1 : 1);
  });
}

/** As the query was then, with as long a window as there were samples. */
function valueAt(family, view, window, n) {
  const { history, state } = app;
  const then = n === history.times.length - 1 ? window : history.window(nameOfRate(family), Number(state.w) * 1000, n);
  return history.evaluate(view, then, n).get("all");
}

function titleOf(family, view) {
  if (family.kind === "counter" || view.show === "rate") return "Rate a second";
  if (family.kind === "stateset") return "States";
  if (view.show === undefined) return "Value";
  if (view.show === "mean") return "Mean";
  return view.by === "" ? "Percentiles" : percentile(view.show);
}

function draw() {
  if (!drawing.isOfStates) return drawLines($("chart"), drawing);
  const rows = drawing.lines.toReversed();
  const columns = drawing.times.map((_, n) => rows.map(({ values }) => values[n] ?? 0));
  drawHeat($("chart"), { ...drawing, rows: rows.map(({ name }) => name), columns });
}

/** Shows how many observations came into each bucket, from poll to poll. */
function showHeat(family, view, span, isInTime) {
  $("heat-box").hidden = family.kind !== "histogram";
  if (family.kind !== "histogram") return;
  const { history } = app;
  const { times } = history;
  const bounds = [...new Set(family.bounds.concat(Infinity))];
  const columns = computedOf({ ...view, show: "heat" }).of(times, isInTime, (n) => {
    if (n === 0) return undefined;
    // Of each series, so that one that was reset does not count below zero.
    const increase = ({ values }) => {
      const [before, now] = [values[n - 1], values[n]];
      if (before !== before || now !== now) return undefined;
      return now >= before ? now - before : now;
    };
    const cumulative = history.buckets(view, increase).get("all");
    if (!cumulative) return undefined;
    let below = 0;
    return bounds.map((bound) => {
      const count = ((cumulative.get(bound) ?? below) - below) / ((times[n] - times[n - 1]) / 1000);
      below = cumulative.get(bound) ?? below;
      return count;
    });
  });
  const text = (bound) => (bound === Infinity ? `> ${formatted(bounds.at(-2) ?? -Infinity, family.unit)}` : `≤ ${formatted(bound, family.unit)}`);
  drawHeat($("heat"), { times, rows: bounds.map(text), columns, ...span });
  const last = columns.at(-1);
  const most = Math.max(...(last ?? [0]));
  set($("heat-text"), most > 0 ? `Most observations now are ${text(bounds[last.indexOf(most)])}.` : "No observations now.");
}

function showTable(times, lines, text) {
  const box = $("table-box");
  if (box.hidden) return;
  const table = element("table");
  element("caption", "hidden", table, "Values of the chart, the newest first");
  const head = element("tr", "", element("thead", "", table));
  for (const name of ["time", ...lines.map((line) => line.name)]) element("th", "", head, name).scope = "col";
  const body = element("tbody", "", table);
  for (let n = times.length - 1; n >= Math.max(0, times.length - 30); n--) {
    const row = element("tr", "", body);
    element("th", "", row, new Date(times[n]).toLocaleTimeString([], { hour12: false })).scope = "row";
    for (const line of lines) element("td", "", row, text(line.values[n]));
  }
  const top = box.scrollTop;
  box.replaceChildren(table);
  box.scrollTop = top;
}

for (const event of ["pointermove", "pointerleave"]) {
  $("chart").addEventListener(event, ({ offsetX }) => {
    if (!drawing || drawing.isOfStates) return;
    drawing.hover = event === "pointermove" ? offsetX : undefined;
    draw();
  });
}
