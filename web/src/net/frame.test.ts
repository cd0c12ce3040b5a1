import { test } from "node:test";
import assert from "node:assert/strict";
import { splitFrame } from "./frame.ts";
import { firstName, lazySocket } from "./lazy.ts";

// What a name may hold that looks like the marks between rows.
const hostile = ['},"18":{', '{"proto":"udp"', '"state":"LISTEN"', '\\"},\\"7\\":{\\"', '},"gone":["1"]', '"set":{', '"rx_bytes_per_s":7', "\u2028\n\0<b>", '"', "\\"];

function random(seed: number): () => number {
  return () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
}

function frameOf(rand: () => number) {
  const pick = () => hostile[Math.floor(rand() * hostile.length)]! + (rand() < .5 ? hostile[Math.floor(rand() * hostile.length)]! : "");
  const set: Record<string, unknown> = {};
  for (let i = Math.floor(rand() * 6); i > 0; i--) {
    set[String(1 + Math.floor(rand() * 1e6))] = {
      proto: rand() < .5 ? "tcp" : "udp", state: rand() < .5 ? "LISTEN" : rand() < .2 ? "FIN_WAIT1" : "ESTABLISHED", path: pick(), owners: [{ pid: 1, name: rand() < .5 ? pick() : "nginx" }, { pid: 2, name: pick() }].slice(0, Math.floor(rand() * 3)), geo: { city: pick() },
      ...(rand() < .5 ? { rx_bytes_per_s: Math.floor(rand() * 1e9) } : {}), ...(rand() < .5 ? { tx_bytes_per_s: Math.floor(rand() * 1e9) } : {}), since: "2026-11-21T10:00:00.000Z",
    };
  }
  return { seq: 3, time: "2026-11-21T10:00:00.5Z", ...(rand() < .3 ? { all: true } : {}), set, gone: rand() < .5 ? ["7", "8"] : [] };
}

test("a split frame says what the parsed one says, whatever names hold", () => {
  const rand = random(8);
  for (let i = 0; i < 3000; i++) {
    const want = frameOf(rand);
    const got = splitFrame(JSON.stringify(want));
    assert.ok(got);
    assert.equal(got.all, !!(want as { all?: boolean }).all);
    assert.deepEqual(got.gone, want.gone);
    assert.deepEqual(Object.fromEntries(got.ids.map((id, i) => [id, JSON.parse(got.texts[i]!)])), want.set);
    assert.equal(got.texts.length, got.ids.length);
    for (const [i, id] of got.ids.entries()) checkFast(got.texts[i]!, want.set[id] as any);
  }
});

// What is read from the text is what is parsed, in either order.
function checkFast(json: string, want: any) {
  const fast = lazySocket(json);
  const then = lazySocket(json);
  assert.deepEqual(then.owners, want.owners);
  for (const s of [fast, then]) {
    assert.equal(s.proto, want.proto);
    assert.equal(s.state, want.state);
    assert.equal(firstName(s), want.owners[0]?.name);
    assert.equal(s.rx_bytes_per_s, want.rx_bytes_per_s);
    assert.equal(s.tx_bytes_per_s, want.tx_bytes_per_s);
  }
  assert.deepEqual(JSON.parse(JSON.stringify(fast)), want);
}

test("what is not as our server writes it is left to be parsed whole", () => {
  for (const data of ["", "{}", '{"set": {"1":{}},"gone":[]}', '{"set":{"x":{}},"gone":[]}', '{"gone":[],"set":{}}']) assert.equal(splitFrame(data), null, data);
});
