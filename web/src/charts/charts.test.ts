import assert from "node:assert/strict";
import test from "node:test";
import { lastBefore, summary, tick } from "./summary.ts";

test("a chart is told in a sentence", () => {
  assert.equal(summary("Rates", [], [], []), "Rates: nothing was measured yet");
  assert.equal(summary("Rates", [10, 11, 12], [0, 2000, 1000], [null, null, null]),
    "Rates, 2 s: received 1.00 kB/s at the end, 2.00 kB/s at most; sent unknown");
  assert.equal(summary("Rates", [10, 70], [0, null], [5, 0]),
    "Rates, 1 min: received nothing at the end, nothing at most; sent nothing at the end, 5 B/s at most");
});

test("ticks have no zeros behind", () => {
  for (const [v, want] of [[0, "0"], [1, "1 B/s"], [1000, "1 kB/s"], [2500, "2.5 kB/s"], [1_200_000, "1.2 MB/s"], [20_000_000, "20 MB/s"],
    [100_000, "100 kB/s"]] as const) assert.equal(tick(v), want);
});

test("the last moment before another is found", () => {
  for (const [x, want] of [[0, -1], [1, 0], [2.5, 1], [3, 2], [9, 2]] as const) assert.equal(lastBefore([1, 2, 3], x), want);
  assert.equal(lastBefore([], 1), -1);
});
