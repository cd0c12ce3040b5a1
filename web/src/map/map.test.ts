import assert from "node:assert/strict";
import test from "node:test";
import type { Socket } from "../interface.ts";
import { countryName, narrow, quoted, radius, sumPlaces } from "./places.ts";
import { HEIGHT, WIDTH, project } from "./project.js";
import world from "./world.json";

const centres: Record<string, number[]> = world.centre;

function socket(remote_addr: string, geo: Socket["geo"], more: Partial<Socket> = {}): Socket {
  return { proto: "tcp", state: "ESTABLISHED", local_addr: "192.0.2.1", local_port: 1, remote_addr, remote_port: 443, geo, ...more };
}

test("connections add up by place, and those without a place are told", () => {
  const berlin = { iso: "DE", country: "德国", city: "Berlin", latitude: 52.52, longitude: 13.4 };
  const w = sumPlaces([
    socket("203.0.113.1", berlin, { rx_bytes_per_s: 10, tx_bytes_per_s: 5, rx_bytes: 1 }),
    socket("203.0.113.1", berlin),
    socket("203.0.113.2", { iso: "DE" }),
    socket("203.0.113.3", { iso: "JP", country: "Japan" }),
    socket("10.0.0.1", { special: "Private-Use" }),
    socket("203.0.113.9", undefined),
    socket("0.0.0.0", undefined, { state: "LISTEN", remote_port: 0 }),
  ], centres);
  assert.deepEqual(w.countries.map((c) => [c.iso, c.name, c.connections, c.hosts, c.rate, c.bytes]),
    [["DE", "Germany", 3, 2, 15, 1], ["JP", "Japan", 1, 1, 0, 0]]);
  assert.deepEqual(w.spots.map((s) => [s.iso, s.city, s.connections]), [["DE", "Berlin", 2], ["DE", "", 1], ["JP", "", 1]]);
  assert.deepEqual(w.nowhere.map((n) => [n.special, n.connections]), [["", 1], ["Private-Use", 1]]);
});

test("a position or code that is none is no place", () => {
  const w = sumPlaces([socket("203.0.113.1", { latitude: 4e9, longitude: 0 }), socket("203.0.113.2", { iso: "constructor" })], centres);
  assert.equal(w.spots.length, 0);
  assert.equal(countryName({ iso: "constructor" }), "constructor");
  assert.equal(countryName({}), "");
});

test("every country that is drawn has a middle, and all of it is on the map", () => {
  assert.equal(world.width, WIDTH);
  for (const iso of Object.keys(world.land)) assert.ok(iso === "" || centres[iso], iso);
  for (const [iso, [lon, lat]] of Object.entries(centres) as [string, [number, number]][]) {
    const [x, y] = project(lon, lat);
    assert.ok(x >= 0 && x <= WIDTH && y >= 0, iso);
    assert.ok(y <= HEIGHT || lat < -56, iso); // the far south is below the edge
  }
  for (const [iso, lon, lat] of [["US", -99, 40], ["RU", 100, 62], ["SG", 103.8, 1.4], ["FJ", 178, -18]] as const) {
    const [x, y] = centres[iso] as [number, number];
    assert.ok(Math.abs(x - lon) < 3 && Math.abs(y - lat) < 3, `${iso} ${x} ${y}`);
  }
});

test("a filter is narrowed", () => {
  for (const [filter, want] of [
    ["", "country = DE"], ["country = DE", "country = DE"], ["dport = 443", "dport = 443 and country = DE"],
    ["dport = 443 and country = DE", "dport = 443 and country = DE"],
    ["dport = 443 or dport = 80", "( dport = 443 or dport = 80 ) and country = DE"],
  ] as const) assert.equal(narrow(filter, "country = DE"), want);
  assert.equal(quoted("Sao Paulo"), '"Sao Paulo"');
  assert.equal(quoted(`L'"\\x`), `"L\\'\\"\\\\x"`);
  assert.equal(quoted("DE"), "DE");
});

test("dots grow with what they stand for", () => {
  assert.equal(radius(0, 0, 1000), 3);
  assert.ok(radius(1, 1, 1000) < radius(100, 100, 1000));
  assert.ok(radius(1, 100, 1000) < radius(50, 100, 1000) && radius(50, 100, 1000) < radius(100, 100, 1000));
  assert.ok(radius(100, 100, 360) < radius(100, 100, 1000));
});
