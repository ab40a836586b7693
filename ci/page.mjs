// A browser reads the page of the scrape server. `page.mjs EXAMPLE`: the built example `page`. `page.mjs URL PICTURE` takes a picture
// of a page. NODE_PATH says where playwright-core and axe-core are.
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

async function open(origin, path, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1400, height: 860 }, ...options });
  const page = await context.newPage();
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

async function check(name, test) {
  const begun = Date.now();
  await test();
  assert.deepEqual(faults, [], name);
  console.log(`ok ${name} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
}

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
      const paths = ["", "?family=http_request_duration_seconds", "?family=http_requests_total&by=status", "?family=hostile_values&by=*", "?view=cardinality", "?view=health"];
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
  await page.locator("#groups [role=option]:not([hidden])").filter({ hasText: 'status="500"' }).waitFor();
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
  await page.locator("#groups [role=option]:not([hidden])").filter({ hasText: JSON.stringify(hostile) }).waitFor();
  assert.match(await page.locator("#help").textContent(), /^A label <b>value<\/b> that is no markup: &amp; "quoted"\.$/);
  await page.locator('select[name="l.value"]').selectOption(hostile);
  await page.locator("#query").filter({ hasText: 'max by (value) (hostile_values{value="<img src=x onerror=alert(1)>\\"\\\\\\n{}"})' }).waitFor();
  await page.goto(new URL("?view=health", url).href);
  await page.locator("#health").filter({ hasText: "cannot connect to 10.0.0.7:6379: <connection refused>" }).waitFor();
  assert.equal(await page.locator("img[src=x], #help b").count(), 0);
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
  const rows = await page.locator("#groups [role=option]:not([hidden])").count();
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
  page.evaluate(() =>
    [...document.querySelectorAll("#stats data")].map((data) => ({ query: data.dataset.query, time: Number(data.dataset.time), values: { "": Number(data.value) } })),
  );

/** Those of the groups by a label, with the query that is copied. */
async function groupsBy(page, label) {
  await page.locator("select[name=by]").selectOption(label);
  await page.locator("#groups [role=option]:not([hidden])").first().waitFor();
  return page.evaluate((label) => {
    const rows = [...document.querySelectorAll("#groups [role=option]:not([hidden])")];
    const read = (row) => [JSON.parse(row.querySelector(".text").textContent.slice(label.length + 1)), Number(row.querySelector(".now").title)];
    const [{ dataset }] = document.querySelectorAll("#stats data");
    return { query: document.getElementById("query").textContent, time: Number(dataset.time), label, values: Object.fromEntries(rows.map(read)) };
  }, label);
}

await check("a page that has lost its server says so, goes on, and shows no negative rate", async () => {
  const page = await open(url, "?family=http_request_duration_seconds");
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
  await page.locator("#lost").filter({ hasText: /^The server has not answered since / }).waitFor();
  assert.equal(await page.locator("#state-text").textContent(), "server lost");
  server = await serve(address);
  await page.locator("#lost").waitFor({ state: "hidden" });
  isAway = false;
  await polled(page, 4);
  const families = [["http_request_duration_seconds", "path"], ["http_requests_total", "status"], ["hostile_values", "value"], ["logins_total"], ["temperature_celsius"]];
  for (const [path, label] of families) {
    await page.locator("#search").fill(path);
    await page.locator("#families [role=option]:not([hidden])").filter({ hasText: path }).click();
    await page.locator("#name").filter({ hasText: path }).waitFor();
    await polled(page, 4);
    await page.waitForTimeout(200);
    seen.push(...(await numbers(page)));
    if (label) seen.push(await groupsBy(page, label));
  }
  assert.equal(seen.length, 11);
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
  await page.locator("#families [role=option]:not([hidden])").filter({ hasText: "shard_writes_total" }).click();
  await page.locator("#unwatched").filter({ hasText: "This family has 1,000,000 samples." }).waitFor();
  assert.equal(await page.locator("#query").textContent(), "sum(rate(shard_writes_total[1s]))");
  await page.locator("#search").fill("http");
  await polled(page, 2);
  assert.ok(lines.length > 0 && lines.every((lines) => lines < 10_500), `${lines}`);
  await page.context().close();
  await large.stop();
});

await browser.close();
process.exit();
