// Numbers for people. The exact one stands beside each, in the title and for screen readers.

const NARROW = 1e-3;

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
  if (size < NARROW) return value.toExponential(1);
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

/** Four to six round numbers around the range. */
export function axis(least, most) {
  if (!(most > least)) most = least + (Math.abs(least) || 1);
  const rough = (most - least) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const marks = [];
  for (let n = Math.floor(least / step); ; n++) {
    marks.push(n * step);
    if (n * step >= most) return marks;
  }
}
