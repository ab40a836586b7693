// One family: its values now, its groups, and the query of all that.
import { $, CHOICES, MOST_SAMPLES, app, asGauge, change, element, nameOfRate, observes, set, writerOf } from "./app.js";
import { escaped, percentile, seconds, value as formatted, whole } from "./format.js";
import { LINES, STATES, showGraphs } from "./graphs.js";
import { narrowed } from "./history.js";
import { List } from "./list.js";
import { query } from "./promql.js";

/** What is shown of the family, as `query` takes it. */
let view;

/** What a family can be divided by, as options of a list; the first is what it is divided by unless somebody chooses. */
function dividers(family) {
  const labels = family.labels.map(({ name }) => [name, name]);
  const each = "each series";
  // The values of other kinds say nothing together.
  if (family.kind === "stateset") return [["", family.name], ["*", each]];
  if (family.kind === "info") return [["", each], ...labels];
  return labels.length ? [["", "all in one"], ...labels, ["*", each]] : [["", "all in one"]];
}

function currentView(family) {
  const { state } = app;
  const isKnown = dividers(family).some(([name]) => name === state.by);
  const by = (isKnown && state.by) || { stateset: family.name, info: "*" }[family.kind] || "";
  const shows = observes(family) ? ["rate", "mean", ...family.quantiles] : [];
  const usual = family.kind === "histogram" ? 0.95 : (family.quantiles.at(-1) ?? "rate");
  const show = observes(family) ? (shows.find((show) => String(show) === state.show) ?? usual) : undefined;
  return { kind: family.kind, name: family.name, matchers: state.labels, by, aggregation: state.agg, show };
}

function showControls(family) {
  const form = $("controls");
  // A filter that is in the address has a control, also if the family does not know the label.
  const labels = [...new Set([...family.labels.map((label) => label.name), ...Object.keys(app.state.labels)])];
  const key = JSON.stringify([family.name, labels]);
  if (form.dataset.key !== key) {
    form.dataset.key = key;
    form.replaceChildren();
    const options = dividers(family);
    if (options.length > 1) select(form, "by", "by", options, (by) => ({ by }));
    if (!asGauge(family)) select(form, "w", "rate over", CHOICES.w.map((w) => [w, `${w / 60} min`]), (w) => ({ w }));
    else if (family.kind === "gauge") select(form, "agg", "of several", CHOICES.agg.map((name) => [name, name]), (agg) => ({ agg }));
    for (const label of labels) {
      select(form, `l.${label}`, label, [["", "any"]], (chosen) => {
        const changed = Object.assign(Object.create(null), app.state.labels);
        if (chosen) changed[label] = chosen.slice(1);
        else delete changed[label];
        return { labels: changed };
      });
    }
  }
  for (const box of form.querySelectorAll("select")) {
    if (box.name.startsWith("l.")) fillValues(box, family, box.name.slice(2));
    else box.value = app.state[box.name];
    if (box.selectedIndex < 0) box.selectedIndex = 0;
  }
}

function select(form, name, text, options, changes) {
  const label = element("label", "", form, text);
  const box = element("select", "", label);
  box.name = name;
  for (const [value, text] of options) box.append(new Option(text, value));
  box.addEventListener("change", () => change(changes(box.value)));
}

/** The known values of a label, and those that were seen; 200 of them at most. An option's value is `=` and the label's, which may be empty. */
function fillValues(box, family, label) {
  if (document.activeElement === box) return;
  const values = new Set(family.labels.find((known) => known.name === label)?.values ?? []);
  for (const series of app.history.named(nameOfRate(family))) {
    if (values.size >= 200) break;
    values.add(series.labels[label] ?? "");
  }
  const chosen = app.state.labels[label];
  if (chosen !== undefined) values.add(chosen);
  const sorted = [...values].sort();
  const key = JSON.stringify(sorted);
  if (box.dataset.values !== key) {
    box.dataset.values = key;
    box.replaceChildren(new Option("any", ""), ...sorted.map((value) => new Option(value || '""', `=${value}`)));
  }
  box.value = chosen === undefined ? "" : `=${chosen}`;
}

export function showFamily() {
  const family = app.families.get(app.state.family);
  $("detail").hidden = !family;
  $("nothing").hidden = Boolean(family);
  set($("nothing-text"), app.state.family ? `There is no family ${app.state.family} now.` : "Choose a family to see its series, its history and its query.");
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

/** The stats of a view: each a name and a view. A state set has none: its groups say which states hold. */
function statsOf(family) {
  const base = { ...view, by: "" };
  if (family.kind === "stateset") return [];
  if (!observes(family)) return [[family.kind === "counter" ? "rate" : base.aggregation, base]];
  const shows = [["rate", "rate"], ["mean", "mean"], ...family.quantiles.map((quantile) => [percentile(quantile), quantile])];
  return shows.map(([name, show]) => [name, { ...base, show }]);
}

function showDetail(family) {
  const wanted = Number(app.state.w) * 1000;
  const window = app.history.window(nameOfRate(family), wanted);
  const stats = statsOf(family);
  const box = $("stats");
  while (box.childElementCount > stats.length) box.lastElementChild.remove();
  stats.forEach(([name, asked], n) => {
    const button = box.children[n] ?? makeStat(box);
    const number = app.history.times.length ? app.history.evaluate(asked, window).get("all") : undefined;
    const [small, data] = button.children;
    set(small.lastElementChild, view.by === "" ? name : `${name} of all`);
    // The colour of its line, where each has one.
    const line = family.quantiles.indexOf(asked.show);
    small.firstElementChild.hidden = view.by !== "" || typeof view.show !== "number" || line < 0 || line >= LINES;
    small.firstElementChild.style.background = `var(--line-${line})`;
    set(data, number === undefined ? "–" : writerOf(family, asked.show)(number));
    data.value = data.title = String(number);
    data.dataset.query = query(asked, wanted / 60_000);
    button.dataset.show = asked.show ?? "";
    button.setAttribute("aria-pressed", asked.show === view.show);
    button.disabled = stats.length === 1;
  });
  $("so-far").hidden = asGauge(family) || window === wanted;
  set($("so-far"), `Over the last ${seconds(window / 1000)}: the page has no samples of the time before.`);
  set($("query"), query(view, wanted / 60_000));
  $("query").dataset.time = app.history.now ?? "";
  const sorted = showGroups(family, window);
  showGraphs(family, view, window, sorted);
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

// The groups of a family.

const groups = new List($("groups"), 30, makeGroup, fillGroup, ([group]) => {
  if (!view || view.by === "") return;
  change({ labels: narrowed(view, group), by: "" }, true);
  // The keyboard would be nowhere.
  if ($("groups").hidden) $("name").focus();
});
groups.key = ([group]) => group;

function makeGroup() {
  const row = element("div", "group");
  row.parts = { swatch: element("i", "", row), text: element("span", "text", row), now: element("span", "now", row) };
  return row;
}

function fillGroup(row, [group, value, line]) {
  const family = app.families.get(app.state.family);
  if (!family) return;
  row.parts.swatch.style.background = line === undefined ? "transparent" : `var(--line-${line})`;
  const name = nameOfGroup(group);
  set(row.parts.text, name);
  row.title = name;
  set(row.parts.now, writerOf(family, view.show)(value));
  row.parts.now.title = String(value);
}

function nameOfGroup(group) {
  const labels = view.by === "*" ? JSON.parse(group) : { [view.by]: group };
  return Object.entries(labels).map(([label, value]) => `${label}="${escaped(value)}"`).join(" ") || "no labels";
}

/** Shows the groups, the largest first. Returns those that can be drawn, with their names. */
function showGroups(family, window) {
  const now = app.history.times.length ? app.history.evaluate(view, window) : new Map();
  const size = (value) => (Number.isNaN(value) ? -Infinity : value);
  const sorted = [...now].sort((a, b) => size(b[1]) - size(a[1]) || (a[0] < b[0] ? -1 : 1));
  $("groups").hidden = $("groups-title").hidden = view.by === "";
  const hasLines = family.kind !== "stateset";
  groups.show(sorted.map(([group, value], n) => [group, value, hasLines && n < LINES ? n : undefined]));
  const more = hasLines && sorted.length > LINES ? `, the ${LINES} largest drawn` : "";
  set($("groups-title"), `${whole(sorted.length)} ${view.by === "*" ? "series" : `values of ${view.by}`}${more}`);
  return sorted.slice(0, hasLines ? LINES : STATES).map(([group]) => [group, view.by === "" ? family.name : view.by === "*" ? nameOfGroup(group) : escaped(group)]);
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
