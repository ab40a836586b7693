// Drawings on a canvas: lines, and rows of colours.
import { axis, drawable } from "./format.js";

const LEFT = 80, RIGHT = 12, TOP = 10, BOTTOM = 22;

/** What was between samples that are so many milliseconds apart, nobody knows. Slow polls are 40 s apart. */
const GAP = 60_000;

/** Whether nobody looked, or the server was away, before the `n`th of these times. */
function isAfterGap(times, n) {
  return times[n] - times[n - 1] > GAP;
}

/** The canvas in the pixels of the screen, cleared, with its size in those of the page. */
function begin(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = "11px system-ui, sans-serif";
  return { pen, width, height, style: getComputedStyle(canvas) };
}

function color(style, name) {
  return style.getPropertyValue(name).trim();
}

/** Times below the drawing, from `from` to `to`, each a whole number of half minutes. */
function drawTimes({ pen, style, width, height }, from, to, left = LEFT) {
  pen.fillStyle = color(style, "--muted");
  pen.strokeStyle = color(style, "--grid");
  pen.textAlign = "center";
  pen.textBaseline = "top";
  pen.lineWidth = 1;
  const step = to - from > 150_000 ? 60_000 : to - from > 90_000 ? 30_000 : 15_000;
  for (let time = Math.ceil(from / step) * step; time <= to; time += step) {
    const x = Math.round(left + ((time - from) / (to - from)) * (width - left - RIGHT)) + 0.5;
    pen.beginPath();
    pen.moveTo(x, TOP);
    pen.lineTo(x, height - BOTTOM);
    pen.stroke();
    if (x > left + 24 && x < width - RIGHT - 24) pen.fillText(clock(time), x, height - BOTTOM + 6);
  }
}

/**
 * Draws lines: each `{ name, values, color }` with a value for each of the times, or none; `limits`, each `{ name, value }`, where they
 * are near; and, if `hover` says where the pointer is, the values there. `text` writes a value.
 */
export function drawLines(canvas, { times, lines, limits, unit, text, from, to, hover }) {
  const sheet = begin(canvas);
  const { pen, width, height, style } = sheet;
  let least = Infinity, most = -Infinity;
  for (const { values } of lines) {
    for (let n = 0; n < values.length; n++) {
      if (times[n] < from || !Number.isFinite(values[n])) continue;
      least = Math.min(least, values[n]);
      most = Math.max(most, values[n]);
    }
  }
  // Those further away would leave no room for the lines.
  const near = limits.filter(({ value }) => value <= 3 * most || most === -Infinity);
  for (const { value } of near) [least, most] = [Math.min(least, value), Math.max(most, value)];
  if (least === Infinity) [least, most] = [0, 1];
  const marks = axis(Math.min(0, least), most, unit);
  [least, most] = [marks[0], marks.at(-1)];
  const x = (time) => LEFT + ((time - from) / (to - from)) * (width - LEFT - RIGHT);
  const y = (value) => height - BOTTOM - ((value - least) / (most - least)) * (height - TOP - BOTTOM);
  drawTimes(sheet, from, to);
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const mark of marks) {
    pen.fillText(text(mark), LEFT - 8, y(mark));
    pen.beginPath();
    pen.moveTo(LEFT, Math.round(y(mark)) + 0.5);
    pen.lineTo(width - RIGHT, Math.round(y(mark)) + 0.5);
    pen.stroke();
  }
  pen.strokeStyle = pen.fillStyle = color(style, "--bad");
  pen.textBaseline = "bottom";
  for (const { name, value } of near) {
    pen.setLineDash([6, 4]);
    pen.beginPath();
    pen.moveTo(LEFT, y(drawable(value)));
    pen.lineTo(width - RIGHT, y(drawable(value)));
    pen.stroke();
    pen.setLineDash([]);
    pen.fillText(name, width - RIGHT, Math.max(TOP + 12, y(value) - 2));
  }
  pen.lineWidth = 1.75;
  pen.lineJoin = "round";
  for (const line of lines) {
    pen.strokeStyle = pen.fillStyle = color(style, line.color);
    pen.beginPath();
    let isDown = false, lastX = 0, lastY = 0, points = 0;
    for (let n = 0; n < times.length; n++) {
      const value = line.values[n];
      if (times[n] < from || !Number.isFinite(value)) {
        isDown = false;
        continue;
      }
      [lastX, lastY] = [x(times[n]), y(drawable(value))];
      if (isDown && !isAfterGap(times, n)) pen.lineTo(lastX, lastY);
      else pen.moveTo(lastX, lastY);
      isDown = true;
      points += 1;
    }
    pen.stroke();
    if (points) {
      pen.beginPath();
      pen.arc(lastX, lastY, 3, 0, 2 * Math.PI);
      pen.fill();
    }
  }
  if (hover !== undefined) drawReadout({ pen, style, width, height, times, lines, text, x, hover });
}

function drawReadout({ pen, style, width, height, times, lines, text, x, hover }) {
  const distance = (n) => Math.abs(x(times[n]) - hover);
  let at = times.length - 1;
  for (let n = 0; n < times.length; n++) if (distance(n) < distance(at)) at = n;
  if (at < 0) return;
  const read = lines.filter((line) => Number.isFinite(line.values[at])).map((line) => [line, text(line.values[at])]);
  const place = Math.max(LEFT, Math.min(width - RIGHT, x(times[at])));
  const named = (line, value) => (read.length > 1 ? `${line.name.slice(0, 40)}  ${value}` : value);
  const rows = [clock(times[at]), ...read.map(([line, value]) => named(line, value))];
  const wide = Math.max(...rows.map((row) => pen.measureText(row).width)) + 28;
  const left = place + 10 + wide > width ? place - 10 - wide : place + 10;
  pen.strokeStyle = color(style, "--muted");
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(place, TOP);
  pen.lineTo(place, height - BOTTOM);
  pen.stroke();
  pen.fillStyle = color(style, "--card");
  pen.fillRect(left, TOP, wide, rows.length * 17 + 8);
  pen.strokeRect(left + 0.5, TOP + 0.5, wide, rows.length * 17 + 8);
  pen.textAlign = "left";
  rows.forEach((row, n) => {
    const y = TOP + 13 + n * 17;
    if (n > 0) {
      pen.fillStyle = color(style, read[n - 1][0].color);
      pen.fillRect(left + 8, y - 4, 8, 8);
    }
    pen.fillStyle = color(style, "--text");
    pen.fillText(row, left + (n > 0 ? 22 : 8), y);
  });
}

function clock(milliseconds) {
  return new Date(milliseconds).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

/** Draws a heat map: `rows` are names, from the bottom up, and `columns[n]` has a number for each of them, at `times[n]`. */
export function drawHeat(canvas, { times, rows, columns, from, to }) {
  const sheet = begin(canvas);
  const { pen, width, height, style } = sheet;
  // As in the chart above, unless the names are longer.
  const start = Math.max(LEFT, Math.min(width / 2, 16 + Math.max(...rows.map((name) => pen.measureText(name).width))));
  const inner = { width: width - start - RIGHT, height: height - TOP - BOTTOM };
  const tall = inner.height / Math.max(rows.length, 1);
  let most = 0;
  for (const column of columns) if (column) for (const value of column) most = Math.max(most, value);
  const [low, high] = [color(style, "--heat-low"), color(style, "--heat-high")].map(rgb);
  for (let n = 1; n < times.length; n++) {
    const column = columns[n];
    if (!column || times[n] <= from || isAfterGap(times, n)) continue;
    const left = start + (Math.max(0, times[n - 1] - from) / (to - from)) * inner.width;
    const right = start + ((times[n] - from) / (to - from)) * inner.width;
    for (let row = 0; row < rows.length; row++) {
      if (!(column[row] > 0)) continue;
      const part = Math.sqrt(column[row] / most);
      const mixed = low.map((value, n) => Math.round(value + (high[n] - value) * part));
      pen.fillStyle = `rgb(${mixed})`;
      pen.fillRect(left, height - BOTTOM - (row + 1) * tall, Math.max(1, right - left + 0.5), Math.max(1, tall - 0.5));
    }
  }
  drawTimes(sheet, from, to, start);
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  const every = Math.ceil(14 / tall);
  rows.forEach((name, row) => {
    if (row % every === 0) pen.fillText(name, start - 8, height - BOTTOM - (row + 0.5) * tall, start - 8);
  });
}

function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}
