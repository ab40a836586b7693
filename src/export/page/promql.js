// What Prometheus computes, computed here on the samples of this page. No function of this file knows the document.

/** Calls `take(key, value)` for each sample of a text exposition. The key is the line up to its value. */
export function readText(text, take) {
  let at = 0;
  while (at < text.length) {
    let end = text.indexOf("\n", at);
    if (end < 0) end = text.length;
    if (text.charCodeAt(at) !== 35 /* # */ && end > at) {
      const line = text.slice(at, end);
      const space = line.lastIndexOf(" ");
      take(line.slice(0, space), number(line.slice(space + 1)));
    }
    at = end + 1;
  }
}

export function number(text) {
  if (text === "+Inf") return Infinity;
  return text === "-Inf" ? -Infinity : Number(text);
}

/** The name and the labels of a key: `name{a="b",c="d"}`. */
export function readKey(key) {
  const open = key.indexOf("{");
  // Without a prototype: a label may be called `constructor`.
  const labels = Object.create(null);
  if (open < 0) return { name: key, labels };
  const pair = /([^=,{}]+)="((?:[^"\\]|\\.)*)"/gy;
  pair.lastIndex = open + 1;
  for (let found; (found = pair.exec(key)); ) {
    labels[found[1]] = found[2].replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
    if (key[pair.lastIndex] === ",") pair.lastIndex += 1;
  }
  return { name: key.slice(0, open), labels };
}

/**
 * `rate(x[window])` at time `end`, as Prometheus extrapolates it: of the samples in (end - window, end], of which two at least are needed,
 * else `undefined`. Times are milliseconds; those before the `from`th are too old. `values` holds NaN where there is no sample. A value that goes
 * down is a reset, so a rate is never negative.
 */
export function rate(times, values, end, window, from = 0) {
  const start = end - window;
  let firstTime = NaN, first = 0, lastTime = 0, last = 0, resets = 0, count = 0;
  for (let n = from; n < times.length; n++) {
    const time = times[n], value = values[n];
    if (time > end) break;
    if (time <= start || value !== value) continue;
    if (count === 0) {
      firstTime = time;
      first = value;
    } else if (value < last) {
      resets += last;
    }
    lastTime = time;
    last = value;
    count += 1;
  }
  if (count < 2) return undefined;
  const increase = last - first + resets;
  const sampled = (lastTime - firstTime) / 1000;
  const average = sampled / (count - 1);
  let toStart = (firstTime - start) / 1000;
  let toEnd = (end - lastTime) / 1000;
  if (toStart >= average * 1.1) toStart = average / 2;
  // A counter was not below zero.
  if (increase > 0 && first >= 0) toStart = Math.min(toStart, sampled * (first / increase));
  if (toEnd >= average * 1.1) toEnd = average / 2;
  return (increase * ((sampled + toStart + toEnd) / sampled)) / (window / 1000);
}

/** `histogram_quantile(q, …)` of buckets, a map from upper bound to cumulative count. */
export function histogramQuantile(q, buckets) {
  const bounds = [...buckets.keys()].sort((a, b) => a - b);
  const last = bounds.length - 1;
  if (last < 1 || bounds[last] !== Infinity) return NaN;
  // Each bucket may have been read a moment after the one before.
  let highest = -Infinity;
  const counts = bounds.map((bound) => (highest = Math.max(highest, buckets.get(bound))));
  if (!(counts[last] > 0)) return NaN;
  let rank = q * counts[last];
  let at = counts.findIndex((count) => count >= rank);
  if (at < 0 || at >= last) return bounds[last - 1];
  if (at === 0 && bounds[0] <= 0) return bounds[0];
  const below = at === 0 ? 0 : counts[at - 1];
  const from = at === 0 ? 0 : bounds[at - 1];
  return from + (bounds[at] - from) * ((rank - below) / (counts[at] - below));
}

/** A string of PromQL. */
function quoted(text) {
  return `"${text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n")}"`;
}

/** `name{a="b"}`; `more` is another matcher. */
function selector(name, matchers, more = []) {
  const pairs = Object.entries(matchers).map(([label, value]) => `${label}=${quoted(value)}`).concat(more);
  return name + (pairs.length ? `{${pairs.join(",")}}` : "");
}

/** The matcher of a summary's quantile. Prometheus 3 stores a whole one with a fraction. */
function quantileMatcher(quantile) {
  return Number.isInteger(quantile) ? `quantile=~"${quantile}([.]0)?"` : `quantile="${quantile}"`;
}

/** Combines values as an aggregation of PromQL does: the largest and the least are NaN only where all are. */
export const AGGREGATIONS = {
  sum: (values) => values.reduce((sum, value) => sum + value, 0),
  max: (values) => values.reduce((most, value) => (value > most || most !== most ? value : most)),
  min: (values) => values.reduce((least, value) => (value < least || least !== least ? value : least)),
  avg: (values) => AGGREGATIONS.sum(values) / values.length,
};

/**
 * What is shown of a family: `{ kind, name, matchers, by, aggregation, show }`, with `by` a label, "" for all in one, or "*" for each
 * series; and `show`, of histograms and summaries, a quantile, "rate" or "mean". Returns the query, with rates over so many minutes.
 */
export function query(view, minutes) {
  const { kind, name, matchers, by, aggregation, show } = view;
  const grouped = (operator, inner, more = []) => {
    if (by === "*") return inner;
    const labels = [...more, ...(by ? [by] : [])];
    return `${operator}${labels.length ? ` by (${labels.join(", ")}) ` : ""}(${inner})`;
  };
  const rateOf = (suffix, more) => grouped("sum", `rate(${selector(name + suffix, matchers)}[${minutes}m])`, more);
  if (kind === "counter") return rateOf("");
  if (show === "rate") return rateOf("_count");
  if (show === "mean") return `${rateOf("_sum")} / ${rateOf("_count")}`;
  if (kind === "histogram") return `histogram_quantile(${show}, ${rateOf("_bucket", ["le"])})`;
  if (kind === "summary") return grouped("max", selector(name, matchers, [quantileMatcher(show)]));
  return grouped(aggregation, selector(name, matchers));
}
