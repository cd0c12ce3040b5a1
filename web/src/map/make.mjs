// Makes world.json, which the page draws: the outlines of countries by their ISO 3166-1 code, projected, and where the middle of
// each country is. It needs to run only when one of its sources changes:
//
//   npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz       Natural Earth's countries, public domain
//   node make.mjs package /usr/share/iso-codes/json/iso_3166-1.json /usr/share/zoneinfo/zone.tab
//
// The last two are Debian's iso-codes (codes by number) and tzdata (public domain; a place for those that have no outline).
import { readFileSync, writeFileSync } from "node:fs";
import { WIDTH, HEIGHT, project } from "./project.js";

const [atlas, codesFile, zoneFile] = process.argv.slice(2);
const read = (name) => JSON.parse(readFileSync(name, "utf8"));
const codes = new Map(read(codesFile)["3166-1"].map((c) => [c.numeric, c.alpha_2]));
const unnumbered = new Map([["Kosovo", "XK"]]);

// countries yields [code, polygons] of a TopoJSON file; a polygon is a list of rings of [lon, lat]. What has no code has "".
function* countries(topology) {
  const { scale, translate } = topology.transform;
  const arcs = topology.arcs.map((arc) => {
    let x = 0;
    let y = 0;
    return arc.map(([dx, dy]) => [(x += dx) * scale[0] + translate[0], (y += dy) * scale[1] + translate[1]]);
  });
  const ring = (list) => list.flatMap((i) => (i < 0 ? [...arcs[~i]].reverse() : arcs[i]).slice(0, -1));
  for (const g of topology.objects.countries.geometries) {
    const polygons = g.type === "Polygon" ? [g.arcs] : g.arcs;
    yield [codes.get(g.id) ?? unnumbered.get(g.properties.name) ?? "", polygons.map((p) => p.map(ring))];
  }
}

// unwrap makes a ring that crosses the antimeridian one piece, which then reaches beyond 180 degrees.
function unwrap(ring) {
  let turn = 0;
  return ring.map(([lon, lat], i) => {
    if (i > 0 && Math.abs(lon - ring[i - 1][0]) > 180) turn += lon < ring[i - 1][0] ? 360 : -360;
    return [lon + turn, lat];
  });
}

// clip keeps what of a ring lies on one side of a meridian (Sutherland and Hodgman).
function clip(ring, meridian, side) {
  const inside = ([lon]) => (lon - meridian) * side <= 0;
  return ring.flatMap((a, i) => {
    const b = ring[(i + 1) % ring.length];
    const kept = inside(a) ? [a] : [];
    if (inside(a) !== inside(b)) kept.push([meridian, a[1] + ((b[1] - a[1]) * (meridian - a[0])) / (b[0] - a[0])]);
    return kept;
  });
}

// split cuts a ring at the antimeridian, and turns what was beyond it back onto the map.
function split(ring) {
  const whole = unwrap(ring);
  return [-360, 0, 360].flatMap((turn) => {
    const part = clip(clip(whole, 180 + turn, 1), -180 + turn, -1);
    return part.length > 2 ? [part.map(([lon, lat]) => [lon - turn, lat])] : [];
  });
}

const point = ([lon, lat]) => project(lon, lat).map(Math.round);

// path draws a ring in steps from point to point. Points that fall on one another are one.
function path(ring) {
  let [x, y] = point(ring[0]);
  let d = `M${x},${y}l`;
  for (const p of ring.slice(1).map(point)) {
    if (p[0] === x && p[1] === y) continue;
    d += `${d.endsWith("l") ? "" : " "}${p[0] - x},${p[1] - y}`;
    [x, y] = p;
  }
  return d.endsWith("l") ? "" : d.replaceAll(" -", "-").replaceAll(",-", "-") + "z";
}

// middle is the centre of gravity of the largest polygon.
function middle(polygons) {
  const best = { area: 0, at: null };
  for (const [wrapped] of polygons) {
    const ring = unwrap(wrapped);
    let [area, x, y] = [0, 0, 0];
    ring.forEach(([ax, ay], i) => {
      const [bx, by] = ring[(i + 1) % ring.length];
      const cross = ax * by - bx * ay;
      [area, x, y] = [area + cross, x + (ax + bx) * cross, y + (ay + by) * cross];
    });
    if (Math.abs(area) > best.area) [best.area, best.at] = [Math.abs(area), [x / (3 * area), y / (3 * area)]];
  }
  return [((best.at[0] + 540) % 360) - 180, best.at[1]];
}

// zones gives the first place of each country in zone.tab: +DDMM[SS]+DDDMM[SS].
function* zones() {
  const degrees = (sign, d, m) => (sign === "-" ? -1 : 1) * (Number(d) + Number(m) / 60);
  for (const line of readFileSync(zoneFile, "utf8").split("\n")) {
    const m = /^([A-Z]{2})\t([+-])(\d\d)(\d\d)\d*([+-])(\d{3})(\d\d)/.exec(line);
    if (m) yield [m[1], [degrees(m[5], m[6], m[7]), degrees(m[2], m[3], m[4])]];
  }
}

const land = {};
for (const [code, polygons] of countries(read(`${atlas}/countries-110m.json`))) {
  if (code === "AQ") continue; // no network's place, and a third of the map's height
  land[code] = (land[code] ?? "") + polygons.flat().flatMap(split).map(path).join("");
}
const centre = {};
const put = (code, at) => (centre[code] ??= at.map((v) => Math.round(v * 10) / 10));
for (const [code, polygons] of countries(read(`${atlas}/countries-50m.json`))) if (code) put(code, middle(polygons));
for (const [code, at] of zones()) put(code, at);

const sorted = (o) => Object.fromEntries(Object.entries(o).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(new URL("world.json", import.meta.url),
  `${JSON.stringify({ width: WIDTH, height: HEIGHT, land: sorted(land), centre: sorted(centre) })}\n`);
