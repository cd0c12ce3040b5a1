import { test } from "node:test";
import assert from "node:assert/strict";
import { fitting, least, type Column } from "./column.ts";
import { connectionColumns, listenerColumns } from "../views/sockets.ts";
import { hostColumns, linkColumns, processColumns } from "../views/usage.ts";

const tables: Record<string, Column<any>[]> = { connectionColumns, listenerColumns, hostColumns, linkColumns, processColumns };

test("where there is no room columns go by their number, and the others stay", () => {
  for (const [name, columns] of Object.entries(tables)) {
    const usual = columns.filter((c) => !c.hidden);
    assert.ok(least(fitting(usual, 860)) <= 860, `${name} beside the details`);
    assert.deepEqual(fitting(usual, 0), usual.filter((c) => !c.spare), name);
    assert.deepEqual(fitting(usual, Infinity), usual, name);
  }
  assert.ok(least(connectionColumns.filter((c) => !c.hidden)) <= 1280);
});

test("names of columns are different, and a narrow screen has one column in each place", () => {
  for (const [name, columns] of Object.entries(tables)) {
    assert.equal(new Set(columns.map((c) => c.name)).size, columns.length, name);
    for (const full of [true, false]) {
      const slots = columns.filter((c) => (!c.hidden || c.instead && !full) && (full || !c.full)).map((c) => c.slot).filter(Boolean);
      assert.equal(new Set(slots).size, slots.length, `${name}: ${slots}`);
    }
  }
});
