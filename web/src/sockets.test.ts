import { test } from "node:test";
import assert from "node:assert/strict";
import { SocketStore } from "./sockets.ts";

const row = (i: number, n: number) => ({ proto: "tcp", state: "ESTABLISHED", local_port: i, rx_bytes: n });
const frame = (ids: number[], n: number, all = false, gone: string[] = []) => JSON.stringify({ seq: n, time: "t", ...(all ? { all } : {}), set: Object.fromEntries(ids.map((i) => [i, row(i, n)])), gone });
const ids = Array.from({ length: 200 }, (_, i) => i + 1);

test("rows are what the frames have said last, long frames or short", () => {
  const store = new SocketStore();
  const told: number[] = [];
  store.subscribe((c) => told.push(c.set.length));
  store.takeText(frame(ids, 1, true));
  for (let n = 2; n < 40; n++) store.takeText(frame(ids.filter((i) => i > 100), n, false, n === 39 ? ["1"] : []));
  store.takeText(frame([5], 77));
  assert.equal(store.rows.size, 199);
  assert.deepEqual([store.rows.get("2")!.rx_bytes, store.rows.get("5")!.rx_bytes, store.rows.get("150")!.rx_bytes], [1, 77, 39]);
  assert.equal(told.length, 40);
  assert.equal(store.listening, 0);
  store.takeText(JSON.stringify({ set: { 7: { proto: "tcp", state: "LISTEN" }, 8: { proto: "udp", state: "UNCONN" }, 9: { proto: "udp", state: "ESTABLISHED", remote_port: 53 } }, gone: [] }));
  assert.equal(store.listening, 2);
  store.takeText(JSON.stringify({ set: { 7: row(7, 1) }, gone: ["8"] }));
  assert.equal(store.listening, 0);
  store.takeText(frame(ids.slice(0, 3), 90, true));
  assert.equal(store.rows.size, 3);
});

test("rows that do not change let the text of their frame go", () => {
  const store = new SocketStore();
  store.takeText(frame(ids, 1, true));
  const still = store.rows.get("2")!;
  const parse = JSON.parse;
  for (let n = 2; n < 30; n++) store.takeText(frame(ids.filter((i) => i > 100), n));
  JSON.parse = () => assert.fail("it was not parsed before");
  try {
    assert.equal(still.rx_bytes, 1);
  } finally {
    JSON.parse = parse;
  }
});
