import { test } from "node:test";
import assert from "node:assert/strict";
import { EventSplitter } from "./sse.ts";

const stream = new TextEncoder().encode("event: hello\ndata: {\"a\":1}\n\nevent: sockets\ndata: {\"name\":\"ré\\n\\n\u202e\"}\n\ndata: x\n\n");
const want = [["hello", '{"a":1}'], ["sockets", '{"name":"ré\\n\\n\u202e"}'], ["message", "x"]];

test("events come whole, wherever the stream is cut", () => {
  for (let size = 1; size <= stream.length; size++) {
    const got: string[][] = [];
    const s = new EventSplitter((name, data) => got.push([name, data]));
    for (let i = 0; i < stream.length; i += size) s.push(stream.subarray(i, i + size));
    assert.deepEqual(got, want, `pieces of ${size}`);
  }
});

test("an event that has not ended is not told", () => {
  const got: string[] = [];
  new EventSplitter((_, data) => got.push(data)).push(stream.subarray(0, stream.length - 1));
  assert.equal(got.length, 2);
});
