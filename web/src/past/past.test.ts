import assert from "node:assert/strict";
import test from "node:test";
import { toSocket } from "./life.ts";
import { formatPeriod, lastSecond, parsePeriod, periods, rfc3339, share, ticks, toInput } from "./time.ts";
import { counted, found, groupMore, groupName, told, within } from "./words.ts";
import { line } from "./slots.ts";
import type { Group, Life, NewsItem, Slot } from "./types.ts";

const now = new Date(2026, 10, 21, 15, 4, 5, 678);

test("periods have names, or are two moments", () => {
  assert.deepEqual(parsePeriod("1h", now), { from: +now - 3600_000, to: +now });
  assert.deepEqual(parsePeriod("yesterday", now), { from: +new Date(2026, 10, 20), to: +new Date(2026, 10, 21) });
  assert.deepEqual(parsePeriod("last-month", new Date(2026, 0, 5)), { from: +new Date(2025, 11, 1), to: +new Date(2026, 0, 1) });
  const p = { from: Date.UTC(2026, 1, 3, 4, 5, 6), to: Date.UTC(2026, 1, 3, 5) };
  assert.equal(formatPeriod(p), "2026-02-03T04:05:06Z~2026-02-03T05:00:00Z");
  assert.deepEqual(parsePeriod(formatPeriod(p), now), p);
  for (const bad of [undefined, "", "constructor", "x~y", "2026-02-03T05:00:00Z~2026-02-03T04:00:00Z"]) assert.equal(parsePeriod(bad, now), undefined);
  for (const { of } of Object.values(periods)) assert.ok(of(now).from < of(now).to);
});

test("a period that is over ends with its last second", () => {
  assert.equal(lastSecond({ from: 0, to: Date.UTC(2026, 0, 2) }, +now), "2026-01-01T23:59:59Z");
  assert.equal(lastSecond({ from: 0, to: +now }, +now), undefined);
  assert.equal(rfc3339(Date.UTC(2026, 0, 2, 3, 4, 5, 999)), "2026-01-02T03:04:05Z");
  assert.equal(toInput(+new Date(2026, 0, 2, 3, 4, 5)), "2026-01-02T03:04:05");
});

test("ticks are round, and days begin at midnight", () => {
  const day = { from: +new Date(2026, 10, 20, 13, 7), to: +new Date(2026, 10, 21, 13, 7) };
  assert.deepEqual(ticks(day, 5).map((t) => t.text), ["18:00", "11-21", "06:00", "12:00"]);
  const ten = { from: +new Date(2026, 10, 20, 13, 7, 30), to: +new Date(2026, 10, 20, 13, 17, 30) };
  assert.deepEqual(ticks(ten, 4).map((t) => t.text), ["13:10", "13:15"]);
  const month = { from: +new Date(2026, 9, 1), to: +new Date(2026, 10, 1) };
  assert.ok(ticks(month, 5).every((t) => new Date(t.at).getHours() === 0));
  assert.ok(ticks({ from: 0, to: +now }, 6).length < 60);
  assert.deepEqual([0, 5, 10, 20].map((at) => share(at, { from: 0, to: 10 })), [0, 0.5, 1, 1]);
});

test("a socket of then has nothing of the history's fields", () => {
  const life: Life = { opened: "2026-01-02T03:04:05Z", opened_before: true, closed: "2026-01-02T03:05:05Z", lifetime_ms: 1, source: "bpf",
    owner_from: "bpf", incoming: true, proto: "tcp", state: "ESTABLISHED", local_addr: "192.0.2.1", local_port: 22, rx_bytes: 7 };
  assert.deepEqual(toSocket(life), { proto: "tcp", state: "ESTABLISHED", local_addr: "192.0.2.1", local_port: 22, rx_bytes: 7, since: "2026-01-02T03:04:05Z" });
});

test("news are sentences, and hostile names stay text", () => {
  const n = (event: string, more: Partial<NewsItem> = {}): NewsItem => ({ time: "2026-01-02T03:04:05Z", event, proto: "tcp", state: "LISTEN",
    local_addr: "0.0.0.0", local_port: 8080, owners: [{ pid: 7, name: "a\u202eb" }], ...more });
  assert.equal(told(n("new_listener")), "a\ufffdb listens on 0.0.0.0:8080/tcp");
  assert.equal(told(n("new_country", { remote_addr: "203.0.113.1", geo: { iso: "JP" } })), "a\ufffdb reaches Japan for the first time (203.0.113.1)");
  assert.equal(told(n("new_asn", { remote_addr: "203.0.113.1", geo: { asn: 64500, org: "Example" } })),
    "a\ufffdb reaches AS64500 Example for the first time (203.0.113.1)");
  assert.equal(told(n("new_program", { owners: [] })), "A process that is not known uses the network for the first time");
  assert.equal(found(n("new_listener", { owners: [{ pid: 7, name: "my app" }] })), 'process = "my app" and sport = 8080');
  assert.equal(found(n("new_host", { remote_addr: "203.0.113.1", owners: [] })), "dst 203.0.113.1");
});

test("groups have names and filters", () => {
  const g = (by: Group["by"], key: string | undefined, more: Partial<Group> = {}): Group => ({ by, key, connections: 1, counts: "whole_connections", ...more });
  assert.equal(groupName(g("country", "DE")), "Germany");
  assert.equal(groupName(g("country", "somewhere")), "somewhere");
  assert.equal(groupName(g("process", undefined)), "not known");
  assert.equal(groupName(g("asn", "64500")), "AS64500");
  assert.equal(groupMore(g("host", "203.0.113.1", { city: "Kyoto", iso: "JP" })), "Kyoto · JP");
  assert.equal(within("", g("process", "my app")), 'process = "my app"');
  assert.equal(within("dport = 443", g("host", "203.0.113.1")), "dport = 443 and dst 203.0.113.1");
  assert.equal(within("", g("port", "443")), "port = 443");
  assert.equal(within("", g("day", "2026-11-21")), undefined);
});

test("a hole in what was measured is a hole in the line", () => {
  const slot = (second: number): Slot => ({ time: new Date(second * 1000).toISOString(), seconds: 60, measured_s: 60, rx_bytes: 60, tx_bytes: 0, rx_bytes_per_s: 1, tx_bytes_per_s: 0 });
  assert.deepEqual(line([slot(60), slot(120), slot(300)]), { at: [60, 120, 180, 180.6, 300, 360], rx: [1, 1, 1, null, 1, 1], tx: [0, 0, 0, null, 0, 0] });
});

test("one is not called many", () => {
  const said = ["countries", "processes", "units", "days", "sockets"].map((what) => counted(1, what));
  assert.deepEqual(said, ["1 country", "1 process", "1 unit", "1 day", "1 socket"]);
  assert.equal(counted(0, "countries"), "0 countries");
  assert.equal(counted(12345, "processes"), "12,345 processes");
});
