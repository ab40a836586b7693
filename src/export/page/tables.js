// What the summary says, as tables: cardinality and health.
import { element } from "./app.js";
import { escaped, seconds, value as formatted, whole } from "./format.js";

/** A table with a title. A cell is a text, or an element; a column `{ name, number }`. */
function panel(title, columns, rows, nothing) {
  const box = element("section", "panel");
  element("h2", "", box, title);
  if (!rows.length) {
    element("p", "note", box, nothing);
    return box;
  }
  const table = element("table", "", box);
  const head = element("tr", "", element("thead", "", table));
  for (const { name, number } of columns) element("th", number ? "number" : "", head, name).scope = "col";
  const body = element("tbody", "", table);
  for (const cells of rows) {
    const row = element("tr", "", body);
    cells.forEach((cell, n) => element("td", columns[n].number ? "number" : columns[n].mono ? "mono" : "", row).append(cell ?? "–"));
  }
  return box;
}

function meter(value, most, label) {
  const made = element("meter");
  Object.assign(made, { max: most, high: most * 0.9, low: most * 0.75, optimum: 0, value });
  made.setAttribute("aria-label", label);
  return made;
}

function card(title, text, used, most) {
  const box = element("div", "card");
  box.append(title);
  element("strong", "", box, text);
  if (most) box.append(meter(used, most, title));
  return box;
}

/** What somebody has to look at. */
export function problems(summary) {
  const found = [];
  for (const breaker of summary.breakers) if (breaker.state !== "closed") found.push(`breaker ${breaker.name} is ${breaker.state}`);
  for (const collector of summary.collectors) if (collector.up === false) found.push(`collector ${collector.name} fails`);
  for (const push of summary.pushes) if (push.up === false) found.push(`pushes to ${push.url} fail`);
  for (const registry of summary.registries) {
    if (registry.max_series && registry.series > 0.9 * registry.max_series) found.push("the registry has nearly as many series as it may have");
    if (registry.max_bytes && registry.bytes > 0.9 * registry.max_bytes) found.push("the registry takes nearly as much memory as it may take");
  }
  for (const { family, label } of summary.offenders) found.push(`${label} of ${family} has more values than it may have`);
  return found;
}

/** Puts these in place of what is there, unless somebody is in it. */
function replace(box, parts) {
  const { scrollTop } = box;
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  box.replaceChildren(...parts);
  box.scrollTop = scrollTop;
  if (focused) [...box.querySelectorAll("[data-key]")].find((link) => link.dataset.key === focused)?.focus();
}

export function showCardinality(box, summary, open) {
  const link = (name) => {
    const made = element("a", "", undefined, name);
    made.href = `?family=${encodeURIComponent(name)}`;
    made.dataset.key = name;
    made.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      open(name);
    });
    return made;
  };
  const all = summary.families.reduce((sum, family) => sum + family.series, 0);
  const largest = summary.families.toSorted((a, b) => b.series - a.series).slice(0, 25);
  const labels = summary.families.flatMap((family) => family.labels.map((label) => ({ ...label, family: family.name, size: label.count ?? label.values?.length })));
  const overflowed = labels.filter((label) => label.overflowed > 0).sort((a, b) => b.overflowed - a.overflowed);
  const counted = labels.filter((label) => label.size).sort((a, b) => b.size - a.size);
  const parts = [
    cards(summary),
    panel("Values beyond a limit", [{ name: "family" }, { name: "label" }, { name: "lookups replaced", number: true }],
      overflowed.map((label) => [link(label.family), label.name, whole(label.overflowed)]),
      "No label value has come beyond a limit."),
    ...summary.offenders.map((offender) => panel(
      `Offenders: ${offender.label} of ${offender.family}, about ${whole(offender.distinct)} different values`,
      [{ name: "value", mono: true }, { name: "share of samples", number: true }],
      offender.top.map((value) => [escaped(value.value) + (value.is_cut ? "…" : ""), `${((100 * value.samples) / offender.samples).toFixed(1)} %`]),
      "No samples yet.")),
    panel("Largest families", [{ name: "family" }, { name: "series", number: true }, { name: "part of all", number: true }, { name: "limit", number: true }, { name: "memory", number: true }, { name: "used" }],
      largest.map((family) => [link(family.name), whole(family.series), `${((100 * family.series) / Math.max(all, 1)).toFixed(1)} %`,
        family.max_series ? whole(family.max_series) : "–", family.bytes === null ? "–" : formatted(family.bytes, "bytes"),
        family.max_series ? meter(family.series, family.max_series, `series of ${family.name}`) : "–"]), "No family is registered."),
    panel("Labels with most values", [{ name: "family" }, { name: "label" }, { name: "values", number: true }, { name: "limit", number: true }, { name: "used" }],
      counted.slice(0, 25).map((label) => [link(label.family), label.name, whole(label.size),
        label.values ? "all known" : label.max_values ? whole(label.max_values) : "–",
        label.max_values ? meter(label.size, label.max_values, `values of ${label.name}`) : "–"]), "No label is limited or known."),
  ];
  replace(box, parts);
}

function cards(summary) {
  const box = element("div", "cards");
  for (const registry of summary.registries) {
    box.append(card("Series", whole(registry.series) + (registry.max_series ? ` of ${whole(registry.max_series)}` : ""), registry.series, registry.max_series));
    box.append(card("Memory of series and lanes", formatted(registry.bytes, "bytes") + (registry.max_bytes ? ` of ${formatted(registry.max_bytes, "bytes")}` : ""), registry.bytes, registry.max_bytes));
  }
  const { lanes } = summary;
  const without = lanes.threads_without ? `, ${whole(lanes.threads_without)} threads without` : "";
  box.append(card(`Lanes of busy series${without}`, `${formatted(lanes.bytes, "bytes")} of ${formatted(lanes.max_bytes, "bytes")}`, lanes.bytes, lanes.max_bytes));
  return box;
}

const STATES = { closed: ["good", "● closed"], open: ["bad", "■ open"], half_open: ["warn", "◆ half-open"] };

export function showHealth(box, summary) {
  const found = problems(summary);
  const ago = (time) => `${seconds(Math.max(0, summary.time - time))} ago`;
  const state = ([className, text]) => element("span", className, undefined, text);
  const isUp = (up, unknown) => state(up === null ? ["warn", `○ ${unknown}`] : up ? ["good", "● good"] : ["bad", "■ fails"]);
  const breakers = summary.breakers.toSorted((a, b) => (a.state === "closed") - (b.state === "closed") || (a.name < b.name ? -1 : 1));
  const collectors = summary.collectors.toSorted((a, b) => (a.up !== false) - (b.up !== false) || (a.name < b.name ? -1 : 1));
  const error = (it) => it && `${it.reason}${it.message ? `: ${it.message}` : ""} (${ago(it.time)})`;
  const problemList = element("section", "panel");
  element("h2", found.length ? "bad" : "good", problemList, found.length ? `${found.length} to look at` : "Nothing to look at");
  if (found.length) {
    const list = element("ul", "", problemList);
    for (const text of found) element("li", "", list, text);
  }
  replace(box, [
    problemList,
    cards(summary),
    panel("Circuit breakers", [{ name: "breaker" }, { name: "state" }, { name: "opened", number: true }, { name: "calls rejected", number: true }],
      breakers.map((breaker) => [breaker.name, state(STATES[breaker.state]), whole(breaker.opened), whole(breaker.rejections)]), "No circuit breaker is registered."),
    panel("Collectors", [{ name: "collector" }, { name: "state" }, { name: "last call", number: true }, { name: "last error" }],
      collectors.map((collector) => [collector.name, isUp(collector.up, "not called yet"),
        collector.seconds === null ? "–" : seconds(collector.seconds), error(collector.error) ?? "none"]), "No collector is registered."),
    panel("Push targets", [{ name: "gateway" }, { name: "state" }, { name: "last success", number: true }, { name: "last error" }],
      summary.pushes.map((push) => [push.url, isUp(push.up, "not pushed yet"),
        push.success === null ? "–" : ago(push.success), error(push.error) ?? "none"]), "Nothing is pushed."),
  ]);
}
