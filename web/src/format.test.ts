import { test } from "node:test";
import assert from "node:assert/strict";
import { addressKey, bytes, duration, endpoint, plain, rate, remembering } from "./format.ts";

test("bytes have three digits", () => {
  for (const [n, want] of [[0, "0 B"], [999, "999 B"], [1000, "1.00 kB"], [9994, "9.99 kB"], [9996, "10.0 kB"], [99_960, "100 kB"], [999_499, "999 kB"], [999_500, "1.00 MB"], [1.8e19, "18.0 EB"]] as const) {
    assert.equal(bytes(n), want);
  }
  assert.equal(bytes(undefined), "");
  assert.equal(rate(0), "");
  assert.equal(rate(1500), "1.50 kB/s");
});

test("durations have two units", () => {
  for (const [s, want] of [[-1, "0 s"], [59.9, "59 s"], [60, "1 min"], [599, "9 min 59 s"], [3599, "59 min"], [3600, "1 h"], [90_000, "1 d 1 h"], [8_650_000, "100 d"]] as const) assert.equal(duration(s), want);
});

test("ends are written as a person does", () => {
  assert.equal(endpoint("192.0.2.1", 443), "192.0.2.1:443");
  assert.equal(endpoint("2001:db8::1", 0), "[2001:db8::1]:*");
  assert.equal(endpoint(undefined, 1), "");
});

test("addresses sort by their number", () => {
  const list = ["10.0.0.9", "10.0.0.10", "192.0.2.1", "::", "::1", "2001:db8::", "2001:db8::1", "2001:db8:1::", "fe80::1%eth0", "ffff::"];
  assert.deepEqual([...list].sort((a, b) => addressKey(a) < addressKey(b) ? -1 : 1), list);
});

test("characters that hide, move or turn text are shown", () => {
  assert.equal(plain("a\u202egnp.exe\u0000\u001b[31m\u200b\u2066"), "a\ufffdgnp.exe\ufffd\ufffd[31m\ufffd\ufffd");
  assert.equal(plain("<b>naïve 日本 עברית</b>"), "<b>naïve 日本 עברית</b>");
});

test("what is remembered is what was made, and it is not remembered without end", () => {
  let calls = 0;
  const f = remembering((t) => { calls++; return t.toUpperCase(); }, 2);
  assert.deepEqual(["a", "a", "b", "c", "a"].map(f), ["A", "A", "B", "C", "A"]);
  assert.equal(calls, 4);
});
