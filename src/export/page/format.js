// Numbers for people. The exact one stands beside each, in the title and for screen readers.

const NARROW = 1e-3;
const WIDE = 1e6;

/** With a prefix of the metric system, in three digits. */
function metric(value, base, prefixes) {
  let n = 0;
  let size = Math.abs(value);
  while (size >= base * 0.9995 && n < prefixes.length - 1) {
    size /= base;
    n += 1;
  }
  return digits(Math.sign(value) * size) + prefixes[n];
}

function digits(value) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < NARROW || size >= WIDE) return value.toExponential(1);
  if (size >= 100) return value.toFixed(0);
  return String(Number(value.toPrecision(3)));
}

/** A value of this unit, or of none. */
export function value(value, unit) {
  if (!Number.isFinite(value)) return value === Infinity ? "∞" : value === -Infinity ? "−∞" : "–";
  switch (unit) {
    case "seconds":
      return seconds(value);
    case "bytes":
      return metric(value, 1024, [" B", " KiB", " MiB", " GiB", " TiB", " PiB"]);
    case "ratio":
      return `${digits(value * 100)} %`;
    case "percent":
      return `${digits(value)} %`;
    case "dollars":
      return `$${digits(value)}`;
    default:
      return metric(value, 1000, ["", " k", " M", " G", " T", " P"]);
  }
}

export function seconds(value) {
  const size = Math.abs(value);
  if (size === 0) return "0 s";
  if (size < 1e-6) return `${digits(value * 1e9)} ns`;
  if (size < 1e-3) return `${digits(value * 1e6)} µs`;
  if (size < 1) return `${digits(value * 1e3)} ms`;
  if (size < 120) return `${digits(value)} s`;
  if (size < 7200) return `${digits(value / 60)} min`;
  return size < 172_800 ? `${digits(value / 3600)} h` : `${digits(value / 86_400)} d`;
}

/** As much a second, of a unit. Of seconds a second, it is how many of them go on at a time. */
export function perSecond(rate, unit) {
  if (!Number.isFinite(rate)) return value(rate);
  return `${unit === "seconds" ? digits(rate) : value(rate, unit)}/s`;
}

export function whole(value) {
  return value.toLocaleString("en-US");
}

/** A text as in a string of JSON: what nobody sees, or what turns the direction of what is around it, is escaped. */
export function escaped(text) {
  const code = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(text).slice(1, -1).replace(/[\p{Cf}\p{Zl}\p{Zp}]/gu, (found) => found.split("").map(code).join(""));
}

/** The name of a quantile: `p99.9` of 0.999. */
export function percentile(quantile) {
  return `p${Number((quantile * 100).toFixed(4))}`;
}

/** The largest number that is drawn: two of them differ by a number, too. */
const LARGEST = Number.MAX_VALUE / 4;

/** The number, or the nearest one that can be drawn. */
export function drawable(value) {
  return Math.max(-LARGEST, Math.min(LARGEST, value));
}

/** Up to seven round numbers around the range: powers of two for bytes. */
export function axis(least, most, unit) {
  [least, most] = [drawable(least), drawable(most)];
  const size = Math.max(Math.abs(least), Math.abs(most));
  // Nearer to each other, or to zero, there are no round numbers between them.
  if (!(most - least > Math.max(size * 1e-9, 1e-300))) [least, most] = size > 1e-300 ? [least, least + size] : [0, 1];
  const rough = (most - least) / 4;
  const step = unit === "bytes" && rough > 1 ? 2 ** Math.ceil(Math.log2(rough)) : decimal(rough);
  const [first, last] = [Math.floor(least / step), Math.ceil(most / step)];
  return Array.from({ length: last - first + 1 }, (_, n) => (first + n) * step);
}

/** The round number above. */
function decimal(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999);
}
