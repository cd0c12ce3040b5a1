import { test } from "node:test";
import assert from "node:assert/strict";
import { backoff, patience } from "./stream.ts";
import { address } from "./api.ts";
import { formatPlace, parsePlace, tokenOf } from "../address.ts";
import { csv, text } from "../views/export.ts";
import type { Column } from "../grid/column.ts";

(globalThis as any).sessionStorage ??= { getItem: () => null };

test("it is tried again soon, then later, never at once with others", () => {
  assert.ok(backoff(0, 0) < .5);
  assert.ok(backoff(3, .5) > backoff(2, .5));
  for (let n = 0; n < 100; n++) assert.ok(backoff(n) > .3 && backoff(n) <= 38);
  assert.notEqual(backoff(4, 0), backoff(4, 1));
});

test("a server is waited for as its readings are apart", () => {
  assert.equal(patience(1000), 15_000);
  assert.equal(patience(60_000), 240_000);
  assert.ok(patience(undefined) > 120_000);
});

test("empty parameters are left out of an address, and others are written safely", () => {
  assert.equal(address("/api/sockets", { filter: "a & b = 'é'", limit: undefined, sort: "", at: 0 }), "api/sockets?filter=a+%26+b+%3D+%27%C3%A9%27&at=0");
});

test("the address keeps the view and its filter, and the token is no view", () => {
  const p = parsePlace("#/listeners?filter=dport+%3D+443&sort=-rx");
  assert.equal(p.view, "listeners");
  assert.equal(p.params.get("filter"), "dport = 443");
  assert.equal(formatPlace(p), "#/listeners?filter=dport+%3D+443&sort=-rx");
  assert.deepEqual([tokenOf("#token=a-b_c"), tokenOf("#/x?token=1"), tokenOf("")], ["a-b_c", null, null]);
});

const columns: Column<{ a: string; n: number }>[] = [
  { name: "a", title: "A", width: 1, text: (r) => r.a, key: (r) => r.a }, { name: "n", title: "N", width: 1, text: () => "x", value: (r) => r.n, key: (r) => r.n },
];

test("CSV quotes, has exact values, and no text that a spreadsheet takes for a formula", () => {
  assert.equal(csv(columns, [{ a: '=cmd|" /C', n: -5 }, { a: "a,b\nc", n: 1e9 }]), 'a,n\r\n"\'=cmd|"" /C",-5\r\n"a,b\nc",1000000000\r\n');
  assert.equal(text(columns, [{ a: "q", n: 1 }]), "A\tN\nq\tx");
});
