// The samples of the last minutes, of the families that are watched.
import { AGGREGATIONS, histogramQuantile, rate, readKey, readText, number } from "./promql.js";

/** So many polls are kept: five minutes of them, and 30 that came early. */
const KEPT = 180;

/** So many series at most: about 50 MB. Those that were on screen longest ago go first. */
const MOST_SERIES = 30_000;

/** So many selections are remembered. */
const SELECTIONS = 64;

/** A series: its labels, and its value at each poll, NaN where there is none. */
class Series {
  constructor(key) {
    Object.assign(this, readKey(key));
    this.key = key;
    this.values = new Float64Array(KEPT).fill(NaN);
    /** The number of the poll that had it last. */
    this.last = -1;
    /** The numbers of the polls at which its value was NaN; few series have any. */
    this.nans = undefined;
  }

  /** The value at the `n`th poll, which had this number: `undefined` if there is none. */
  at(n, poll) {
    const value = this.values[n];
    return value === value || this.nans?.has(poll) ? value : undefined;
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
    /** The series of some selections, as long as no series comes or goes. */
    this.selections = new Map();
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
    const known = this.series.size;
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
      if (value !== value) (series.nans ??= new Set()).add(this.polls);
      series.nans?.delete(this.polls - KEPT);
      series.last = this.polls;
      samples += 1;
    });
    if (this.series.size > known) this.selections.clear();
    this.polls += 1;
    this.#forget();
    return samples;
  }

  /** Drops the series of which nothing is left, and those that are too many. */
  #forget() {
    const known = this.series.size;
    const byAge = () => [...this.byName].map(([name, named]) => [name, named.reduce((last, series) => Math.max(last, series.last), -1)]).sort((a, b) => a[1] - b[1]);
    for (const [name, last] of known > MOST_SERIES ? byAge() : []) {
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
    if (this.series.size < known) this.selections.clear();
  }

  named(name) {
    return this.byName.get(name) ?? [];
  }

  /** The series of this name that match: they are asked for once for each poll. */
  #select(name, matchers) {
    const key = JSON.stringify([name, matchers]);
    let found = this.selections.get(key);
    if (!found) {
      if (this.selections.size === SELECTIONS) this.selections.clear();
      found = this.named(name).filter(({ labels }) => matches(labels, matchers));
      this.selections.set(key, found);
    }
    return found;
  }

  /**
   * The window of a rate at the `at`th poll: `wanted`, or less, in whole seconds, where there are no samples of so long. That is so at first,
   * and after a time in which nobody looked: a rate over all of it would be too low.
   */
  window(name, wanted, at = this.times.length - 1) {
    const { times } = this;
    const start = times[at] - wanted;
    const from = times.findIndex((time) => time > start);
    let [before, first] = [-1, Math.max(at, 0)];
    for (const { values } of this.named(name)) {
      for (let n = from - 1; n > before; n--) if (values[n] === values[n]) before = n;
      for (let n = from; n < first; n++) if (values[n] === values[n]) first = n;
    }
    const known = times.length ? times[at] - times[first] : 0;
    // Between polls of usual distances, or those that are all far from each other, nothing is missing.
    const isWhole = before >= 0 && times[first] - times[before] <= Math.max(wanted / 4, (2 * known) / (at - first));
    return isWhole ? wanted : Math.min(wanted, (Math.floor(known / 1000) + 1) * 1000);
  }

  /** The result of a query at the `n`th poll, as `query` of promql.js writes it: a map from group to value. */
  evaluate(view, window, n = this.times.length - 1) {
    const { kind, name, by, aggregation, show } = view;
    if (show === "mean") return this.#means(view, window, n);
    const rateOf = this.#rate(window, n);
    if (kind === "counter") return combined(this.#groups(name, view, rateOf), "sum");
    if (show === "rate") return combined(this.#groups(`${name}_count`, view, rateOf), "sum");
    if (kind === "histogram") {
      const quantile = ([group, byBound]) => [group, histogramQuantile(show, byBound)];
      return new Map([...this.buckets(view, rateOf)].map(quantile));
    }
    const matching = kind === "summary" ? { ...view, matchers: { ...view.matchers, quantile: String(show) } } : view;
    const poll = this.polls - this.times.length + n;
    const groups = this.#groups(name, matching, (series) => series.at(n, poll));
    return combined(groups, kind === "summary" ? "max" : by === "*" ? "sum" : aggregation);
  }

  /** What tells the rate of a series at the `n`th poll. */
  #rate(window, n) {
    const end = this.times[n];
    const from = this.times.findIndex((time) => time > end - window);
    return ({ values }) => rate(this.times, values, end, window, from);
  }

  #means(view, window, n) {
    const rates = (suffix) => combined(this.#groups(view.name + suffix, view, this.#rate(window, n)), "sum");
    const counts = rates("_count");
    return new Map([...rates("_sum")].map(([group, sum]) => [group, sum / counts.get(group)]));
  }

  /** Of each group of a histogram, a map from the upper bound to the sum of what `value` says of the bucket's series. */
  buckets(view, value) {
    const groups = new Map();
    for (const series of this.#select(`${view.name}_bucket`, view.matchers)) {
      const found = value(series);
      if (found === undefined) continue;
      const group = groupOf(series, view);
      let bounds = groups.get(group);
      if (!bounds) groups.set(group, (bounds = new Map()));
      const bound = (series.bound ??= number(series.labels.le));
      bounds.set(bound, (bounds.get(bound) ?? 0) + found);
    }
    return groups;
  }

  #groups(name, view, value) {
    const groups = new Map();
    for (const series of this.#select(name, view.matchers)) {
      const found = value(series);
      if (found === undefined) continue;
      const group = groupOf(series, view);
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

/** Where samples of a kind have a label of their own, which no group is divided by. */
const MARKS = { histogram: "le", summary: "quantile" };

/** A series' group: a label's value, or the labels of the series as JSON. */
function groupOf(series, { by, kind }) {
  if (by === "") return "all";
  if (by !== "*") return series.labels[by] ?? "";
  return (series.group ??= JSON.stringify({ ...series.labels, [MARKS[kind] ?? ""]: undefined }));
}

/** The matchers of a view that is narrowed to one of its groups. */
export function narrowed({ by, matchers }, group) {
  const more = by === "*" ? JSON.parse(group) : by ? { [by]: group } : {};
  // Without a prototype: a label may be called `constructor`.
  return Object.assign(Object.create(null), matchers, more);
}
