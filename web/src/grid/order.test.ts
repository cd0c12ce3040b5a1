import { test } from "node:test";
import assert from "node:assert/strict";
import { Order, type Key } from "./order.ts";

interface Row { n: number; name: string; hidden?: boolean }

function random(seed: number): () => number {
  return () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
}

function sorted(rows: Map<string, Row>, key: (r: Row) => Key, sign: number): string[] {
  return [...rows].filter(([, r]) => !r.hidden).sort(([a, r], [b, s]) => {
    const x = key(r), y = key(s);
    return x !== y ? (x < y ? -sign : sign) : a.length - b.length || (a < b ? -1 : 1);
  }).map(([id]) => id);
}

test("readings that move, add, hide and drop rows leave the order that sorting anew gives", () => {
  for (const [key, sign] of [[(r: Row) => r.n, -1], [(r: Row) => r.name, 1]] as [(r: Row) => Key, 1 | -1][]) {
    const rand = random(sign + 5);
    const rows = new Map<string, Row>();
    const order = new Order<Row>((r) => !r.hidden, key, sign);
    for (let step = 0; step < 400; step++) {
      const set: string[] = [], gone: string[] = [];
      for (let i = Math.floor(rand() * 20); i > 0; i--) {
        const id = String(Math.floor(rand() * 60));
        if (rand() < .2) { rows.delete(id); if (!gone.includes(id)) gone.push(id); continue; }
        rows.set(id, { n: Math.floor(rand() * 9), name: "abcdef"[Math.floor(rand() * 6)]!, hidden: rand() < .1 });
        set.push(id);
      }
      order.apply(rows, set, gone.filter((id) => !rows.has(id)));
      assert.deepEqual(order.list.map((e) => e.id), sorted(rows, key, sign), `step ${step}`);
      for (const [i, e] of order.list.entries()) {
        assert.equal(e.row, rows.get(e.id));
        assert.equal(order.indexOf(e.id), i);
      }
    }
    order.reset(rows);
    assert.deepEqual(order.list.map((e) => e.id), sorted(rows, key, sign));
  }
});

test("held rows stay where they are and show what is new", () => {
  const rows = new Map([["1", { n: 1, name: "" }], ["2", { n: 2, name: "" }]]);
  const order = new Order<Row>(() => true, (r) => r.n, 1);
  order.reset(rows);
  rows.set("1", { n: 9, name: "" });
  rows.set("3", { n: 0, name: "" });
  rows.delete("2");
  order.update(rows, ["1", "3"]);
  assert.deepEqual(order.list.map((e) => [e.id, e.row.n]), [["1", 9], ["2", 2]]);
  order.reset(rows);
  assert.deepEqual(order.list.map((e) => e.id), ["3", "1"]);
});
