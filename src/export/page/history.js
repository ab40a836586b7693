// The samples of the last minutes, of the families that are watched.
import { AGGREGATIONS, histogramQuantile, rate, readKey, readText, number } from "./promql.js";

/** So many polls are kept. */
const KEPT = 180;

/** So many series at most: about 50 MB. Those that were on screen longest ago go first. */
const MOST_SERIES = 30_000;

/** A series: its labels, and its value at each poll, NaN where there is none. */
class Series {
  constructor(key) {
    Object.assign(this, readKey(key));
    this.key = key;
    this.values = new Float64Array(KEPT).fill(NaN);
    /** The number of the poll that had it last. */
    this.last = -1;
  }
}

/** Samples of many series at the times of the same polls. The oldest gives way. */
export class History {
  constructor() {
    this.clear();
  }

  clear() {
    /** Times of the polls, ascending, the newest last. */
    this.times = [];
    this.polls = 0;
    this.series = new Map();
    this.byName = new Map();
  }

  get now() {
    return this.times.at(-1);
  }

  /** Takes in a text exposition that was made at this time, in milliseconds. Returns how many samples it had. */
  add(text, time) {
    // The clock of the server was set back: there is no order any more.
    if (this.times.length && time <= this.now) this.clear();
    const isFull = this.times.length === KEPT;
    if (isFull) this.times.shift();
    this.times.push(time);
    const place = this.times.length - 1;
    if (isFull) {
      for (const series of this.series.values()) {
        series.values.copyWithin(0, 1);
        series.values[place] = NaN;
      }
    }
    let samples = 0;
    readText(text, (key, value) => {
      let series = this.series.get(key);
      if (!series) {
        series = new Series(key);
        this.series.set(key, series);
        const named = this.byName.get(series.name);
        if (named) named.push(series);
        else this.byName.set(series.name, [series]);
      }
      series.values[place] = value;
      series.last = this.polls;
      samples += 1;
    });
    this.polls += 1;
    this.#forget();
    return samples;
  }

  /** Drops the series of which nothing is left, and those that are too many. */
  #forget() {
    const byAge = () => [...this.byName].map(([name, named]) => [name, Math.max(...named.map((series) => series.last))]).sort((a, b) => a[1] - b[1]);
    for (const [name, last] of this.series.size > MOST_SERIES ? byAge() : []) {
      if (this.series.size <= MOST_SERIES || last === this.polls - 1) break;
      for (const series of this.byName.get(name)) this.series.delete(series.key);
      this.byName.delete(name);
    }
    const oldest = this.polls - KEPT;
    for (const [name, named] of this.byName) {
      if (named.every((series) => series.last >= oldest)) continue;
      const kept = named.filter((series) => series.last >= oldest);
      for (const series of named) if (series.last < oldest) this.series.delete(series.key);
      if (kept.length) this.byName.set(name, kept);
      else this.byName.delete(name);
    }
  }

  named(name) {
    return this.byName.get(name) ?? [];
  }

  /** The window of a rate at the `at`th poll: `wanted`, or less while there are no samples of so long. In whole seconds. */
  window(name, wanted, at = this.times.length - 1) {
    let first = Math.max(at, 0);
    for (const { values } of this.named(name)) {
      for (let n = 0; n < first; n++) if (values[n] === values[n]) first = n;
    }
    const known = this.times.length ? this.times[at] - this.times[first] : 0;
    return Math.min(wanted, (Math.floor(known / 1000) + 1) * 1000);
  }

  /** The result of a query at the `n`th poll, as `query` of promql.js writes it: a map from group to value. */
  evaluate(view, window, n = this.times.length - 1) {
    const { kind, name, by, aggregation, quantile } = view;
    const end = this.times[n];
    const from = this.times.findIndex((time) => time > end - window);
    const rateOf = (series) => rate(this.times, series.values, end, window, from);
    const rates = (suffix) => this.#groups(name + suffix, view, rateOf);
    if (kind === "counter") return combined(rates(""), "sum");
    if (quantile === "rate") return combined(rates("_count"), "sum");
    if (kind === "histogram") return this.#quantiles(view, rateOf);
    const current = (series) => series.values[n];
    const matching = kind === "summary" ? { ...view, matchers: { ...view.matchers, quantile: String(quantile) } } : view;
    const groups = this.#groups(name, matching, current);
    return by === "*" ? combined(groups, "sum") : combined(groups, kind === "summary" ? "max" : aggregation);
  }

  #quantiles(view, rateOf) {
    const result = new Map();
    for (const [group, byBound] of this.buckets(view, rateOf)) result.set(group, histogramQuantile(view.quantile, byBound));
    return result;
  }

  /** Of each group of a histogram, a map from the upper bound to the sum of what `value` says of the bucket's series. */
  buckets(view, value) {
    const groups = new Map();
    for (const series of this.named(`${view.name}_bucket`)) {
      if (!matches(series.labels, view.matchers)) continue;
      const found = value(series);
      if (found !== found) continue;
      const group = groupOf(series, view.by, true);
      let bounds = groups.get(group);
      if (!bounds) groups.set(group, (bounds = new Map()));
      const bound = (series.bound ??= number(series.labels.le));
      bounds.set(bound, (bounds.get(bound) ?? 0) + found);
    }
    return groups;
  }

  #groups(name, view, value) {
    const groups = new Map();
    for (const series of this.named(name)) {
      if (!matches(series.labels, view.matchers)) continue;
      const found = value(series);
      if (found !== found) continue;
      const group = groupOf(series, view.by, false);
      const values = groups.get(group);
      if (values) values.push(found);
      else groups.set(group, [found]);
    }
    return groups;
  }
}

function combined(groups, aggregation) {
  const result = new Map();
  for (const [group, values] of groups) result.set(group, AGGREGATIONS[aggregation](values));
  return result;
}

function matches(labels, matchers) {
  for (const label in matchers) if ((labels[label] ?? "") !== matchers[label]) return false;
  return true;
}

/** The name of a series' group, for people too. */
function groupOf(series, by, isBucket) {
  if (by === "") return "all";
  if (by !== "*") return series.labels[by] ?? "";
  if (!isBucket) return (series.text ??= labelsText(series.labels));
  return (series.text ??= labelsText(series.labels, "le"));
}

function labelsText(labels, without) {
  const pairs = Object.keys(labels).filter((name) => name !== without);
  return pairs.map((name) => `${name}=${JSON.stringify(labels[name])}`).join(" ") || "no labels";
}
