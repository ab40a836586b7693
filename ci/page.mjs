// A browser reads the page of the scrape server. `page.mjs EXAMPLE`: the built example `page`. `page.mjs URL PICTURE` takes a picture
// of a page. NODE_PATH says where playwright-core and axe-core are. With `ONLY`, only those checks run that have it in their name.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [example, picture] = process.argv.slice(2);
// `import` does not look into NODE_PATH.
const need = createRequire(import.meta.url);
const { chromium } = need("playwright-core");
const axe = readFileSync(need.resolve("axe-core/axe.min.js"), "utf8");

const work = mkdtempSync(join(tmpdir(), "quipu-page-"));
const children = [];
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(work, { recursive: true, force: true });
});

/** Starts the example, and returns the address of its page. */
async function serve(address, series = 9_000) {
  const child = spawn(example, [address, String(series)], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const url = await new Promise((done, failed) => {
    child.stdout.once("data", (line) => done(String(line).trim()));
    child.once("exit", (code) => failed(new Error(`the example ended with ${code}`)));
  });
  return { url, stop: () => new Promise((done) => child.once("exit", done) && child.kill("SIGKILL")) };
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/** What no page may do: console errors (the policy's are among them), errors, requests elsewhere, dialogs. */
const faults = [];
/** Whether the server is away, which the console says. */
let isAway = false;

async function open(origin, path, { world, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1400, height: 860 }, ...options });
  const page = await context.newPage();
  if (world) await pretend(page, world);
  page.on("console", (message) => message.type() === "error" && !isAway && faults.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`error: ${error.stack}`));
  page.on("dialog", (dialog) => faults.push(`dialog: ${dialog.message()}`));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(origin).origin) faults.push(`request to ${request.url()}`);
  });
  await page.goto(new URL(path, origin).href);
  await page.locator("#state-text").filter({ hasText: "live" }).waitFor();
  return page;
}

/** A family as the summary has it; all labels have the same values. */
function family(name, kind, { labels = [], values = null, ...more } = {}) {
  const about = { count: null, max_values: null, overflowed: 0 };
  const rest = { series: 1, samples: 1, max_series: null, bytes: 0, bounds: [], quantiles: [], collector: null, own: false };
  return { name, kind, unit: null, help: "", labels: labels.map((name) => ({ name, values, ...about })), ...rest, ...more };
}

/** Answers in place of the server: with `families`, and `values(name)` for each that is asked for; or with what is `broken`. */
async function pretend(page, world) {
  world.asked = [];
  await page.route("**/summary.json", (route) => {
    const lanes = { bytes: 0, max_bytes: 1, threads_without: 0 };
    const nothing = { registries: [], breakers: [], collectors: [], pushes: [], offenders: [] };
    return route.fulfill(world.broken ?? { json: { time: Date.now() / 1000, lanes, ...nothing, ...world.summary, families: world.families } });
  });
  await page.route("**/values?*", (route) => {
    const url = route.request().url();
    const names = new URL(url).searchParams.getAll("name[]");
    world.asked.push({ url, names, time: Date.now() });
    const headers = { "quipu-time": (Date.now() / 1000).toFixed(3) };
    return route.fulfill(world.broken ?? { headers, body: names.map((name) => world.values(name)).join("") });
  });
}

async function check(name, test) {
  if (!name.includes(process.env.ONLY ?? "")) return;
  const begun = Date.now();
  await test();
  assert.deepEqual(faults, [], name);
  console.log(`ok ${name} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
}

/** The rows that are on screen. */
const listed = (page) => page.locator("#families [role=option]:not([hidden])");
const groupsOf = (page) => page.locator("#groups [role=option]:not([hidden])");

/** Waits until the page has so many polls of what is shown. */
async function polled(page, number) {
  for (let n = 0; n < number; n++) await page.waitForResponse((response) => response.url().includes("/values?"));
}

if (picture) {
  const page = await open(example, "?q=http&family=http_request_duration_seconds");
  await polled(page, 140);
  await page.screenshot({ path: picture });
  await browser.close();
  process.exit();
}

const address = `127.0.0.1:${await freePort()}`;
let server = await serve(address);
const { url } = server;

await check("nothing is wrong for those who cannot see or see little", async () => {
  for (const colorScheme of ["light", "dark"]) {
    for (const viewport of [{ width: 1400, height: 860 }, { width: 420, height: 800 }]) {
      const paths = ["", "?family=http_request_duration_seconds", "?family=http_requests_total&by=status", "?family=hostile_values&by=*", "?family=worker_stage", "?view=cardinality", "?view=health"];
      for (const path of paths) {
        const page = await open(url, path, { colorScheme, viewport });
        if (!path.includes("view")) await page.locator("#watched").filter({ hasText: "Watching" }).waitFor({ state: "attached" });
        if (path.includes("http_request_duration")) await page.locator("#as-table").click();
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run());
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`)}`);
        assert.deepEqual(found, [], `${path} ${colorScheme} ${viewport.width}`);
        await page.context().close();
      }
    }
  }
});

await check("the page works by keyboard, and its address says what it shows", async () => {
  const page = await open(url, "");
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.dataset.view || document.activeElement.name);
  const asked = () => new URL(page.url()).searchParams;
  const order = [];
  for (let n = 0; n < 9; n++) {
    await page.keyboard.press("Tab");
    order.push(await focused());
  }
  assert.deepEqual(order, ["metrics", "cardinality", "health", "pause", "search", "kind", "sort", "own", "families"]);
  await page.keyboard.press("/");
  assert.equal(await focused(), "search");
  await page.keyboard.type("http_*");
  assert.equal(asked().get("q"), "http_*");
  await page.locator("#count").filter({ hasText: /^2 of / }).waitFor();
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(), "families");
  await page.keyboard.press("End");
  const active = await page.locator("#families").getAttribute("aria-activedescendant");
  assert.match(await page.locator(`[id="${active}"]`).textContent(), /^http_requests_total/);
  await page.keyboard.press("Enter");
  assert.equal(asked().get("family"), "http_requests_total");
  assert.equal(await page.locator("#name").textContent(), "http_requests_total");
  const controls = [];
  for (let n = 0; n < 6; n++) {
    await page.keyboard.press("Tab");
    controls.push(await focused());
  }
  assert.deepEqual(controls, ["close", "by", "w", "l.method", "l.path", "l.status"]);
  await page.locator("select[name=by]").selectOption("status");
  assert.equal(asked().get("by"), "status");
  await page.reload();
  await groupsOf(page).filter({ hasText: 'status="500"' }).waitFor();
  assert.equal(await page.locator("#search").inputValue(), "http_*");
  await page.locator("#groups").focus();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  assert.deepEqual([asked().get("l.status"), asked().get("by")], ["500", null]);
  await page.goBack();
  assert.equal(asked().get("by"), "status");
  await page.keyboard.press("Escape");
  assert.equal(asked().get("family"), null);
  assert.equal(await focused(), "families");
  await page.context().close();
});

await check("hostile texts stay texts", async () => {
  const page = await open(url, "?family=hostile_values&by=value&view=metrics");
  const hostile = '<img src=x onerror=alert(1)>"\\\n{}';
  await groupsOf(page).filter({ hasText: JSON.stringify(hostile) }).waitFor();
  assert.match(await page.locator("#help").textContent(), /^A label <b>value<\/b> that is no markup: &amp; "quoted"\.$/);
  await page.locator('select[name="l.value"]').selectOption(hostile);
  await page.locator("#query").filter({ hasText: 'max by (value) (hostile_values{value="<img src=x onerror=alert(1)>\\"\\\\\\n{}"})' }).waitFor();
  await page.goto(new URL("?view=health", url).href);
  await page.locator("#health").filter({ hasText: "cannot connect to 10.0.0.7:6379: <connection refused>" }).waitFor();
  assert.equal(await page.locator("img[src=x], #help b").count(), 0);
  await page.context().close();
});

await check("a value says what it is, whatever it does to the direction of a text", async () => {
  const value = "\u202e\u2066a\u200b\u2028\u{e0041}é";
  const world = { families: [family("jobs", "gauge", { labels: ["of"] })], values: () => `jobs{of="${value}"} 12\n` };
  const page = await open(url, "?family=jobs&by=of", { world });
  await groupsOf(page).filter({ hasText: String.raw`of="\u202e\u2066a\u200b\u2028\udb40\udc41é"` }).waitFor();
  assert.equal(await page.locator("#chart-text").textContent(), String.raw`\u202e\u2066a\u200b\u2028\udb40\udc41é: 12`);
  await groupsOf(page).first().click();
  assert.equal(await page.locator("#query").textContent(), `max(jobs{of="${value}"})`);
  await page.context().close();
});

await check("no line leads over the time in which nobody looked", async () => {
  const page = await open(url, "");
  const drawn = await page.evaluate(async () => {
    const { drawLines } = await import("./chart.js");
    const canvas = document.body.appendChild(document.createElement("canvas"));
    Object.assign(canvas.style, { width: "400px", height: "200px" });
    const row = (times) => {
      const line = { name: "", values: times.map(() => 1), color: "--line-1" };
      drawLines(canvas, { times, lines: [line], limits: [], text: String, from: times[0], to: times.at(-1) });
      // The place of the line, at a third of its length, where no time is marked.
      const { data } = canvas.getContext("2d").getImageData(180, 0, 1, 200);
      return Array.from({ length: 200 }, (_, y) => [...data.slice(4 * y, 4 * y + 3)]).filter(([red, , blue]) => blue - red > 60).length;
    };
    return [row([0, 2_000, 61_000, 63_000]), row([0, 2_000, 62_001, 64_001])];
  });
  assert.ok(drawn[0] > 0 && drawn[1] === 0, `${drawn}`);
  await page.context().close();
});

await check("a rate is over the time of which there are samples", async () => {
  const page = await open(url, "");
  const [all, back, seldom] = await page.evaluate(async () => {
    const { History } = await import("./history.js");
    // A counter that counts one a second, and its window and rate at each of the times.
    const rates = (times) => {
      const history = new History();
      return times.map((time) => {
        history.add(`jobs_total ${time}\n`, time * 1000);
        const window = history.window("jobs_total", 60_000);
        return [window / 1000, history.evaluate({ kind: "counter", name: "jobs_total", matchers: {}, by: "" }, window).get("all")];
      });
    };
    const from = (start, end) => Array.from({ length: (end - start) / 2 + 1 }, (_, n) => start + 2 * n);
    return [rates(from(1000, 1100)), rates([...from(1000, 1100), ...from(1400, 1500)]), rates([1000, 1040, 1080, 1120])];
  });
  assert.deepEqual([0, 5, 30, 50].map((n) => all[n][0]), [1, 11, 60, 60]);
  // Nobody looked for five minutes.
  assert.deepEqual([51, 52, 56, 81].map((n) => back[n][0]), [1, 3, 11, 60]);
  assert.deepEqual(seldom.map(([window]) => window), [1, 41, 60, 60]);
  const wrong = [...all, ...back, ...seldom].filter(([, rate]) => rate !== undefined && !(rate > 0.9 && rate < 1.1));
  assert.deepEqual(wrong, []);
  await page.context().close();
});

await check("numbers of any size have an axis", async () => {
  const page = await open(url, "");
  const wrong = await page.evaluate(async () => {
    const { axis } = await import("./format.js");
    const numbers = [0, 1, 0.1, 1 / 3, 5e-324, 1e-310, 1e-300, 999.99, 1024, 1e16, 1e16 + 2, 1e300, Number.MAX_VALUE, Infinity, NaN].flatMap((number) => [number, -number]);
    const isAxis = (marks) => marks.length >= 2 && marks.length <= 8 && marks.every((mark, n) => Number.isFinite(mark) && !(n > 0 && mark <= marks[n - 1]));
    const all = numbers.flatMap((least) => numbers.flatMap((most) => [undefined, "bytes"].map((unit) => [least, most, unit])));
    return all.filter(([least, most, unit]) => !isAxis(axis(least, most, unit))).map(String);
  });
  assert.deepEqual(wrong, []);
  const axes = await page.evaluate(async () => {
    const { axis, percentile } = await import("./format.js");
    return [axis(0, 3.2), axis(5, 5), axis(-3, -3), axis(0, 700_000, "bytes").map((mark) => mark / 1024), [0.5, 0.57, 0.999, 1].map(percentile)];
  });
  assert.deepEqual(axes, [[0, 1, 2, 3, 4], [4, 6, 8, 10], [-3, -2, -1, 0], [0, 256, 512, 768], ["p50", "p57", "p99.9", "p100"]]);
  await page.context().close();
});

await check("gauges of any value are shown, and combined as Prometheus does", async () => {
  const values = { nan: ["NaN"], infinite: ["+Inf"], huge: ["1.7e308", "-1.7e308"], some: ["NaN", "2", "5"] };
  const world = {
    families: Object.entries(values).map(([name, { length }]) => family(name, "gauge", { labels: ["n"], series: length, samples: length })),
    values: (name) => values[name].map((value, n) => `${name}{n="${n}"} ${value}\n`).join(""),
  };
  const page = await open(url, "?family=some", { world });
  await polled(page, 3);
  await listed(page).filter({ hasText: "infinite" }).filter({ hasText: "∞" }).waitFor();
  await listed(page).filter({ hasText: "nan" }).filter({ hasText: "NaN" }).waitFor();
  for (const [aggregation, value] of [["max", "5"], ["min", "2"], ["sum", "NaN"], ["avg", "NaN"]]) {
    await page.locator("select[name=agg]").selectOption(aggregation);
    await page.locator("#stats data").filter({ hasText: value }).waitFor();
    assert.equal(await page.locator("#query").textContent(), `${aggregation}(some)`);
  }
  for (const name of ["nan", "infinite", "huge"]) {
    await listed(page).filter({ hasText: name }).click();
    await polled(page, 2);
  }
  // What is not there is no number, also in the table.
  world.families.push(family("late", "gauge"));
  values.late = ["1"];
  await listed(page).filter({ hasText: "late" }).click();
  await page.locator("#as-table").click();
  await page.locator("#table-box td").filter({ hasText: "1" }).first().waitFor();
  assert.equal(await page.locator("#table-box tr").last().locator("td").textContent(), "–");
  await page.context().close();
});

await check("a click on a series or a value narrows the family to it, of every kind", async () => {
  const world = {
    families: [
      family("jobs_total", "counter", { labels: ["constructor"], series: 2, samples: 2 }),
      family("time_seconds", "histogram", { labels: ["constructor"], series: 2, samples: 8, bounds: [1] }),
      family("wait_seconds", "summary", { labels: ["constructor"], series: 2, samples: 6, quantiles: [0.5] }),
    ],
    values: (name) => ["", "mail"].map((value) => {
      const label = `constructor="${value}"`;
      if (name === "jobs_total") return `jobs_total{${label}} 1\n`;
      const quantile = name === "wait_seconds" ? `wait_seconds{${label},quantile="0.5"} 2\n` : `time_seconds_bucket{${label},le="1"} 1\ntime_seconds_bucket{${label},le="+Inf"} 1\n`;
      return `${quantile}${name}_sum{${label}} 2\n${name}_count{${label}} 1\n`;
    }).join(""),
  };
  for (const { name } of world.families) {
    for (const by of ["*", "constructor"]) {
      for (const value of ["", "mail"]) {
        const page = await open(url, `?family=${name}&by=${encodeURIComponent(by)}`, { world });
        await groupsOf(page).filter({ hasText: `constructor=${JSON.stringify(value)}` }).click();
        assert.equal(new URL(page.url()).searchParams.get("l.constructor"), value, page.url());
        assert.equal(new URL(page.url()).searchParams.get("by"), null);
        assert.match(await page.locator("#query").textContent(), new RegExp(`\\{constructor="${value}"[,}]`));
        assert.equal(await page.locator('select[name="l.constructor"]').inputValue(), `=${value}`);
        assert.equal(await page.evaluate(() => document.activeElement.id), "name");
        await page.locator('select[name="l.constructor"]').selectOption("any");
        assert.equal(new URL(page.url()).searchParams.get("l.constructor"), null);
        await page.context().close();
      }
    }
  }
});

await check("what an address says of no sense is left out", async () => {
  const page = await open(url, "?family=temperature_celsius&agg=constructor&w=-1&kind=valueOf&sort=toString&view=x&show=y&by=z&constructor=1");
  await page.locator("#stats data").filter({ hasText: "21.5" }).waitFor();
  assert.equal(await page.locator("#query").textContent(), "max(temperature_celsius)");
  assert.equal(await page.locator("#kind").inputValue(), "");
  await page.goto(new URL("?family=http_request_duration_seconds&show=2&w=x", url).href);
  await page.locator("#query").filter({ hasText: /^histogram_quantile\(0\.95, .*\[1m\]\)\)\)$/ }).waitFor();
  await page.goto(new URL("?family=queue_wait_seconds&show=0.9&l.none=a", url).href);
  await page.locator("#query").filter({ hasText: 'max(queue_wait_seconds{none="a",quantile=~"1([.]0)?"})' }).waitFor();
  await page.locator('select[name="l.none"]').selectOption("any");
  await page.locator("#stats data").filter({ hasText: "ms" }).first().waitFor();
  await page.context().close();
});

await check("families that do not fit into one request take turns", async () => {
  const names = Array.from({ length: 400 }, (_, n) => `a_family_with_so_long_a_name_that_few_of_them_fit_${String(n).padStart(3, "0")}`);
  const world = { families: names.map((name) => family(name, "gauge")), values: (name) => `${name} 1\n` };
  world.families.push(family("large", "gauge", { samples: 20_000 }), family("middling", "gauge", { samples: 9_900 }));
  const page = await open(url, "?sort=changes", { world });
  await page.locator("#watched").filter({ hasText: "They take turns, as they do not fit all at once. Not watched: 1, such as large with 20,000 samples." }).waitFor();
  await polled(page, 8);
  const asked = new Map();
  for (const { names, url } of world.asked) {
    assert.ok(new URL(url).search.length < 6_100, url);
    for (const name of names) asked.set(name, (asked.get(name) ?? 0) + 1);
  }
  assert.ok(!asked.has("large") && asked.get("middling") >= 1 && names.every((name) => asked.get(name) >= 1), `${asked.size} families`);
  // The open one has no turns.
  await listed(page).first().click();
  const open_ = new URL(page.url()).searchParams.get("family");
  const before = world.asked.length;
  await polled(page, 3);
  assert.ok(world.asked.slice(before).every(({ names }) => names[0] === open_));
  await page.context().close();
});

await check("polls come early only for what is new on screen", async () => {
  const names = Array.from({ length: 400 }, (_, n) => `family_${String(n).padStart(3, "0")}`);
  const world = { families: names.map((name) => family(name, "gauge")), values: (name) => `${name} 1\n` };
  const page = await open(url, "", { world });
  await polled(page, 1);
  const scroll = (top) => page.evaluate((top) => (document.getElementById("families").scrollTop = top), top);
  const during = async (step) => {
    const before = world.asked.length;
    for (let n = 0; n < 20; n++) {
      await step(n);
      await page.waitForTimeout(300);
    }
    return world.asked.length - before;
  };
  const same = await during((n) => scroll(n % 2));
  const others = await during((n) => scroll(n * 900));
  assert.ok(same <= 4 && others >= 10, `${same} ${others}`);
  // Of five minutes, 30 polls.
  await during((n) => scroll((20 - n) * 900));
  const late = await during((n) => scroll(n * 900 + 400));
  assert.ok(late <= 5, `${late}`);
  await page.context().close();
});

await check("what was is not shown as what is", async () => {
  const states = ["idle", "working"];
  const world = {
    families: [
      family("stage", "stateset", { labels: ["stage"], values: states, samples: 2 }),
      family("idle_seconds", "histogram", { samples: 5, bounds: [0.5, 1] }),
      family("jobs", "gauge"),
    ],
    values: (name) => {
      if (name === "stage") return states.map((state, n) => `stage{stage="${state}"} ${n}\n`).join("");
      if (name === "jobs") return "jobs 7\n";
      return `${["0.5", "1", "+Inf"].map((le) => `idle_seconds_bucket{le="${le}"} 3\n`).join("")}idle_seconds_sum 1\nidle_seconds_count 3\n`;
    },
  };
  const [stage, , jobs] = world.families;
  const page = await open(url, "?family=idle_seconds", { world });
  await listed(page).filter({ hasText: "stage" }).filter({ hasText: "working" }).waitFor();
  await polled(page, 2);
  await page.locator("#heat-text").filter({ hasText: /^No observations now\.$/ }).waitFor({ state: "attached" });
  // The states of two are no longer one.
  stage.series = 2;
  // Too large, and gone.
  jobs.samples = 20_000;
  world.families.splice(1, 1);
  await listed(page).filter({ hasText: "stage" }).filter({ hasText: "max 1" }).waitFor();
  await listed(page).filter({ hasText: /^jobsgauge/ }).waitFor();
  await page.locator("#nothing").filter({ hasText: "There is no family idle_seconds now." }).waitFor();
  await page.context().close();
});

await check("a state set is shown as its states over time", async () => {
  const page = await open(url, "?family=worker_stage");
  await page.locator("#chart-text").filter({ hasText: /^idle: [01]; working: [01]; draining: [01]$/ }).waitFor({ state: "attached" });
  assert.equal(await page.locator("#chart-title").textContent(), "States");
  assert.equal(await groupsOf(page).count(), 3);
  await page.locator("#as-table").click();
  assert.deepEqual(await page.locator("#table-box th[scope=col]").allTextContents(), ["time", "idle", "working", "draining"]);
  await page.context().close();
});

await check("a chart has what alerts compare with", async () => {
  const limits = { high_latency_p95_seconds: 1, latency_objective_seconds: 0.5, job_queue_backlog_threshold: 9, active_p0_incidents_threshold: 0 };
  const names = ["shop_http_request_duration_seconds", "jobs_queue_depth", "incidents_active", "quipu_alert_threshold"];
  const world = {
    families: [
      family(names[0], "histogram", { samples: 5, bounds: [0.5, 1] }),
      family(names[1], "gauge", { labels: ["queue_name"] }),
      family(names[2], "gauge", { labels: ["severity"] }),
      family(names[3], "gauge", { labels: ["alert"], series: 4, samples: 4, own: true }),
    ],
    values: (name) => {
      if (name === names[3]) return Object.entries(limits).map(([alert, value]) => `${name}{alert="${alert}"} ${value}\n`).join("");
      if (name === names[2]) return `${name}{severity="P0"} 2\n`;
      return name === names[1] ? `${name}{queue_name="mail"} 3\n` : `${name}_bucket{le="0.5"} 3\n${name}_bucket{le="1"} 4\n${name}_bucket{le="+Inf"} 4\n${name}_sum 1\n${name}_count 4\n`;
    },
  };
  const page = await open(url, `?family=${names[0]}`, { world });
  const shown = page.locator("#limits");
  await shown.filter({ hasText: "Alerts compare with 1 s (high_latency_p95_seconds), 500 ms (latency_objective_seconds)." }).waitFor();
  await page.locator("#stats button").filter({ hasText: "rate" }).click();
  await shown.waitFor({ state: "hidden" });
  await listed(page).filter({ hasText: names[1] }).click();
  await shown.filter({ hasText: "Alerts compare with 9 (job_queue_backlog_threshold)." }).waitFor();
  await listed(page).filter({ hasText: names[2] }).click();
  await shown.waitFor({ state: "hidden" });
  await page.locator("select[name=by]").selectOption("severity");
  await shown.filter({ hasText: "Alerts compare with 0 (active_p0_incidents_threshold)." }).waitFor();
  await page.context().close();
});

await check("an answer that is none, or of something else, is said to be so", async () => {
  const world = { families: [family("jobs", "gauge")], values: (name) => `${name} 7\n` };
  const page = await open(url, "?family=jobs", { world });
  await polled(page, 2);
  isAway = true;
  for (const [broken, said] of [
    [{ status: 503, body: "64 scrapes are under way\n" }, "503 64 scrapes are under way."],
    [{ body: "<html>Log in</html>" }, /is not valid JSON|no answer of a quipu server/],
    [{ status: 404 }, "404"],
  ]) {
    world.broken = broken;
    await page.locator("#lost").filter({ hasText: said }).waitFor();
    world.broken = undefined;
    await page.locator("#lost").waitFor({ state: "hidden" });
  }
  isAway = false;
  assert.equal(await page.locator("#stats data").textContent(), "7");
  await page.context().close();
});

await check("health says where pushes go and why they fail", async () => {
  const time = Date.now() / 1000;
  const pushes = [
    { url: "http://gateway/metrics/job/backup", up: false, success: time - 600, error: { reason: "status", message: "it answered <b>500</b>", time } },
    { url: "http://other/metrics/job/backup", up: null, success: null, error: null },
  ];
  const page = await open(url, "?view=health", { world: { families: [], summary: { pushes } } });
  const panel = page.locator("#health .panel").filter({ hasText: "Push targets" });
  await panel.filter({ hasText: /■ fails10 min agostatus: it answered <b>500<\/b>/ }).waitFor();
  await panel.filter({ hasText: "http://other/metrics/job/backup○ not pushed yet–none" }).waitFor();
  await page.locator("#health li").filter({ hasText: "pushes to http://gateway/metrics/job/backup fail" }).waitFor();
  await page.context().close();
});

await check("a narrow screen and paper have all of a family", async () => {
  const page = await open(url, "?family=http_request_duration_seconds&by=path", { viewport: { width: 400, height: 700 }, colorScheme: "dark" });
  await groupsOf(page).first().waitFor();
  for (const path of ["", "?family=http_request_duration_seconds&by=path", "?family=hostile_values", "?view=health", "?view=cardinality"]) {
    await page.goto(new URL(path, url).href);
    await polled(page, path.includes("view") ? 0 : 1);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 400, path);
  }
  await page.goto(new URL("?family=http_request_duration_seconds", url).href);
  await polled(page, 2);
  await page.emulateMedia({ media: "print" });
  const [below, whole] = await page.evaluate(() => [document.getElementById("heat").getBoundingClientRect().bottom, document.documentElement.scrollHeight]);
  assert.ok(below <= whole, `${below} of ${whole}`);
  assert.equal(await page.locator("#copy").isVisible(), false);
  await page.context().close();
});

await check("ten thousand series scroll", async () => {
  const page = await open(url, "?family=shard_writes_total&by=*");
  await page.locator("#groups-title").filter({ hasText: /^9,000 series/ }).waitFor();
  // The processor's time, which a busy machine does not lengthen; polls that fall into it are in it.
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const busy = async () => (await session.send("Performance.getMetrics")).metrics.find(({ name }) => name === "TaskDuration").value;
  const before = await busy();
  const frames = 200;
  await page.evaluate(async (frames) => {
    const box = document.getElementById("groups");
    for (let n = 0; n < frames; n++) {
      box.scrollTop = (n * 7919 * 30) % box.scrollHeight;
      await new Promise(requestAnimationFrame);
    }
  }, frames);
  const milliseconds = (1000 * ((await busy()) - before)) / frames;
  const rows = await groupsOf(page).count();
  console.log(`  ${milliseconds.toFixed(1)} ms of the processor for a frame, ${rows} rows in the document`);
  assert.ok(rows < 60 && milliseconds < 16, `${rows} rows, ${milliseconds} ms`);
  await page.locator("#groups").focus();
  await page.keyboard.press("End");
  const active = await page.locator("#groups").getAttribute("aria-activedescendant");
  assert.equal(await page.locator(`[id="${active}"]`).getAttribute("aria-posinset"), "9000");
  await page.context().close();
});

await check("nothing is asked while nobody looks", async () => {
  const page = await open(url, "");
  await polled(page, 1);
  const hide = (isHidden) =>
    page.evaluate((isHidden) => {
      Object.defineProperty(document, "hidden", { get: () => isHidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, isHidden);
  await hide(true);
  // What was under way.
  await page.waitForTimeout(500);
  let requests = 0;
  page.on("request", () => (requests += 1));
  await page.waitForTimeout(6_000);
  assert.equal(requests, 0);
  await hide(false);
  await polled(page, 1);
  await page.context().close();
});

/** Samples as the page has read them, for Prometheus. */
const samples = new Map();

function keep(text, time) {
  for (const line of text.split("\n")) {
    if (!line || line.startsWith("#")) continue;
    const space = line.lastIndexOf(" ");
    const key = line.slice(0, space);
    if (!samples.has(key)) samples.set(key, []);
    samples.get(key).push(`${key} ${line.slice(space + 1)} ${time}`);
  }
}

/** The numbers on screen, each with its query and its time. */
const seen = [];

const numbers = (page) =>
  page.evaluate(() => {
    const time = Number(document.getElementById("query").dataset.time);
    return [...document.querySelectorAll("#stats data")].map((data) => ({ query: data.dataset.query, time, values: { "": Number(data.value) } }));
  });

/** Those of the groups by a label, with the query that is copied. */
async function groupsBy(page, label) {
  await page.locator("select[name=by]").selectOption({ label });
  await groupsOf(page).first().waitFor();
  return page.evaluate((label) => {
    const rows = [...document.querySelectorAll("#groups [role=option]:not([hidden])")];
    const read = (row) => [JSON.parse(row.querySelector(".text").textContent.slice(label.length + 1)), Number(row.querySelector(".now").title)];
    const query = document.getElementById("query");
    return { query: query.textContent, time: Number(query.dataset.time), label, values: Object.fromEntries(rows.map(read)) };
  }, label);
}

await check("a page that has lost its server says so, goes on, and shows no negative rate", async () => {
  // So high that all families are on screen.
  const page = await open(url, "?family=http_request_duration_seconds", { viewport: { width: 1400, height: 1300 } });
  page.on("response", async (response) => {
    if (!response.url().includes("/values?") || response.status() !== 200) return;
    const time = response.headers()["quipu-time"];
    keep(await response.text().catch(() => ""), time);
  });
  // What came before the listener is not known to Prometheus.
  await page.reload();
  await polled(page, 5);
  isAway = true;
  await server.stop();
  await page.locator("#lost").filter({ hasText: /^The server has not answered as it should since / }).waitFor();
  assert.equal(await page.locator("#state-text").textContent(), "server lost");
  server = await serve(address);
  await page.locator("#lost").waitFor({ state: "hidden" });
  isAway = false;
  // Until there are samples of a minute, the numbers are of less, and the query is not.
  assert.match(await page.locator("#so-far").textContent(), /^Over the last \d+ s: /);
  await page.locator("#so-far").waitFor({ state: "hidden", timeout: 90_000 });
  const families = [["http_request_duration_seconds", "path"], ["http_requests_total", "status"], ["hostile_values", "value"], ["logins_total"], ["temperature_celsius"], ["answer_size_bytes"], ["queue_wait_seconds", "queue"], ["worker_stage", "worker_stage"]];
  for (const [name, label] of families) {
    await listed(page).filter({ hasText: name }).click();
    await page.locator("#name").filter({ hasText: name }).waitFor();
    await polled(page, 1);
    await page.waitForTimeout(200);
    seen.push(...(await numbers(page)));
    if (label) seen.push(await groupsBy(page, label));
    if (name === "http_request_duration_seconds") {
      await page.locator("#stats button").filter({ hasText: "mean" }).click();
      seen.push(await groupsBy(page, label));
    }
  }
  assert.equal(seen.length, 21);
  for (const { query, values } of seen) for (const value of Object.values(values)) assert.ok(value >= 0, `${query} is ${value}`);
  await page.waitForTimeout(200);
  await page.context().close();
});

await check("Prometheus has the same numbers for the same samples", async () => {
  const input = join(work, "samples.txt");
  writeFileSync(input, [...samples.values()].flat().join("\n") + "\n# EOF\n");
  execFileSync("promtool", ["tsdb", "create-blocks-from", "openmetrics", input, join(work, "data")], { stdio: "pipe" });
  writeFileSync(join(work, "prometheus.yml"), "");
  const port = await freePort();
  const child = spawn("prometheus", [`--config.file=${work}/prometheus.yml`, `--storage.tsdb.path=${work}/data`, `--web.listen-address=127.0.0.1:${port}`], { stdio: "ignore" });
  children.push(child);
  const ask = async (path) => {
    for (let n = 0; ; n++) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined);
      if (response?.ok || (response && response.status !== 503)) return response;
      assert.ok(n < 300, "Prometheus does not answer");
      await new Promise((done) => setTimeout(done, 100));
    }
  };
  await ask("/-/ready");
  for (const { query, time, label, values } of seen) {
    const response = await ask(`/api/v1/query?${new URLSearchParams({ query, time: (time / 1000).toFixed(3) })}`);
    const { data, error } = await response.json();
    assert.equal(error, undefined, query);
    assert.equal(data.result.length, Object.keys(values).length, `${query} at ${time}`);
    for (const { metric, value } of data.result) {
      const [found, shown] = [Number(value[1]), values[metric[label] ?? ""]];
      assert.ok(Math.abs(found - shown) <= 1e-9 * Math.abs(found), `${query} at ${time}: ${shown} on the page, ${found} in Prometheus`);
    }
    console.log(`  ${query}: ${data.result.length} as in Prometheus`);
  }
  child.kill("SIGKILL");
});

await check("a registry of a million series is looked at in part", async () => {
  const large = await serve("127.0.0.1:0", 1_000_000);
  const page = await open(large.url, "?sort=changes");
  const lines = [];
  page.on("response", async (response) => {
    if (response.url().includes("/values?")) lines.push((await response.text().catch(() => "")).split("\n").length);
  });
  await page.locator("#watched").filter({ hasText: "Not watched: 1, such as shard_writes_total with 1,000,000 samples." }).waitFor();
  await page.locator("#search").fill("shard");
  await listed(page).filter({ hasText: "shard_writes_total" }).click();
  await page.locator("#unwatched").filter({ hasText: "This family has 1,000,000 samples." }).waitFor();
  assert.equal(await page.locator("#query").textContent(), "sum(rate(shard_writes_total[1m]))");
  await page.locator("#search").fill("http");
  await polled(page, 2);
  assert.ok(lines.length > 0 && lines.every((lines) => lines < 10_500), `${lines}`);
  await page.context().close();
  await large.stop();
});

await browser.close();
process.exit();
