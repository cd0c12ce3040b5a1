import { writeFileSync } from "node:fs";
import { expect, live, test } from "./fixture.ts";

// What bench/page asks for; without it there is nothing to measure.
const { SCENE, FIGURES, ROWS, SECONDS_MEASURED } = process.env;
const seconds = Number(SECONDS_MEASURED ?? 20);

interface TraceEvent { name: string; ph: string; pid: number; tid: number; ts: number; dur?: number; tdur?: number; args: any }

test("the main thread's work for each update", async ({ page, server, browser }) => {
  test.skip(!SCENE, "it is run by bench/page");
  test.setTimeout((seconds + 60) * 1000);
  const scene = JSON.parse(SCENE!);
  await page.goto(`${server.url}#token=${server.token}`);
  await live(page);
  await page.evaluate((place) => { location.hash = place; }, scene.place);
  await expect.poll(async () => (await server.get("api/status")).sockets, { timeout: 30_000 }).toBeGreaterThanOrEqual(Number(ROWS));
  await page.waitForTimeout(6000); // the first table has come, and the compiler is done with most of it
  const rows = (await server.get("api/status")).sockets;

  await browser.startTracing(page, { categories: ["devtools.timeline", "disabled-by-default-devtools.timeline", "toplevel"] });
  await page.waitForTimeout(seconds * 1000);
  const events = JSON.parse((await browser.stopTracing()).toString()).traceEvents as TraceEvent[];
  const heap = await page.evaluate(() => (performance as any).memory.usedJSHeapSize / 1e6);

  const tasks = mainTasks(events);
  const data = events.filter((e) => e.name === "ResourceReceivedData").sort((a, b) => a.ts - b.ts);
  const starts = beginnings(data.map((e) => e.ts));
  const [updates, elapsed]: [number[], number[]] = [[], []];
  let longest = 0;
  for (let i = 0; i + 1 < starts.length; i++) {
    const mine = tasks.filter((t) => t.ts >= starts[i]! && t.ts < starts[i + 1]!);
    updates.push(mine.reduce((sum, t) => sum + (t.tdur ?? t.dur!), 0) / 1000); // of the thread's own clock: others use the processor too
    elapsed.push(mine.reduce((sum, t) => sum + t.dur!, 0) / 1000);
    longest = Math.max(longest, ...mine.map((t) => t.dur! / 1000));
  }
  expect(updates.length, "updates seen").toBeGreaterThan(seconds / 2);
  const bytes = data.reduce((sum, e) => sum + (e.args.data.encodedDataLength ?? 0), 0) / starts.length;
  writeFileSync(FIGURES!, JSON.stringify({
    scene, rows, updates_ms: updates.sort((a, b) => a - b), elapsed_ms: elapsed.sort((a, b) => a - b), longest_task_ms: longest, bytes_per_update: bytes, heap_mb: heap, browser: `Chromium ${browser.version()}`,
  }));
});

/** The tasks of the page's main thread, without those that run inside of another. */
function mainTasks(events: TraceEvent[]): TraceEvent[] {
  const mains = new Set(events.filter((e) => e.name === "thread_name" && e.args.name === "CrRendererMain").map((e) => `${e.pid} ${e.tid}`));
  const tasks = events.filter((e) => e.name === "RunTask" && e.ph === "X" && mains.has(`${e.pid} ${e.tid}`)).sort((a, b) => a.ts - b.ts || b.dur! - a.dur!);
  // The browser may keep a renderer in reserve: the page's is the one that works.
  const work = new Map<number, number>();
  for (const t of tasks) work.set(t.pid, (work.get(t.pid) ?? 0) + t.dur!);
  const pid = [...work].sort((a, b) => b[1] - a[1])[0]?.[0];
  let end = 0;
  return tasks.filter((t) => t.pid === pid && t.ts >= end && ((end = t.ts + t.dur!), true));
}

/** When updates begin: data that comes after a quiet time. */
function beginnings(times: number[]): number[] {
  return times.filter((t, i) => i === 0 || t - times[i - 1]! > 300_000);
}
