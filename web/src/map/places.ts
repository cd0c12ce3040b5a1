import type { Geo, Socket } from "../interface.ts";

/** What of the sockets is in one place, or in none. */
export interface Sum {
  key: string;
  connections: number;
  hosts: number;
  rate: number; // bytes a second, both ways
  bytes: number; // both ways
}

/** A point on the map: a city where the database tells a position, else the middle of a country. */
export interface Spot extends Sum { lat: number; lon: number; iso: string; name: string; city: string }

export interface Country extends Sum { iso: string; name: string }

/** Connections that have no place: special is the range of their addresses, or empty where no database knows them. */
export interface Nowhere extends Sum { special: string }

export interface World { spots: Spot[]; countries: Country[]; nowhere: Nowhere[] }

type Centres = Record<string, number[]>;

/** Adds up the connections by place, those with the most connections first. Sockets without a remote end have no place. */
export function sumPlaces(sockets: Iterable<Socket>, centres: Centres): World {
  const spots = new Sums<Spot>();
  const countries = new Sums<Country>();
  const nowhere = new Sums<Nowhere>();
  for (const s of sockets) {
    if (!s.remote_addr || !s.remote_port || s.state === "LISTEN") continue;
    const geo = s.geo ?? {};
    const at = position(geo, centres);
    if (geo.iso) countries.add(geo.iso, s, () => ({ iso: geo.iso!, name: countryName(geo) }));
    if (at) {
      spots.add(`${geo.iso ?? ""} ${at.lat.toFixed(1)} ${at.lon.toFixed(1)}`, s,
        () => ({ ...at, iso: geo.iso ?? "", name: countryName(geo), city: at.exact ? geo.city ?? geo.region ?? "" : "" }));
    }
    if (!geo.iso && !at) nowhere.add(geo.special ?? "", s, () => ({ special: geo.special ?? "" }));
  }
  return { spots: spots.sorted(), countries: countries.sorted(), nowhere: nowhere.sorted() };
}

/** Sums by key. */
class Sums<T extends Sum> {
  #all = new Map<string, { sum: T; addrs: Set<string> }>();

  add(key: string, s: Socket, rest: () => Omit<T, keyof Sum>): void {
    let e = this.#all.get(key);
    if (!e) {
      e = { sum: { key, connections: 0, hosts: 0, rate: 0, bytes: 0, ...rest() } as T, addrs: new Set() };
      this.#all.set(key, e);
    }
    e.addrs.add(s.remote_addr!);
    e.sum.connections++;
    e.sum.rate += (s.rx_bytes_per_s ?? 0) + (s.tx_bytes_per_s ?? 0);
    e.sum.bytes += (s.rx_bytes ?? 0) + (s.tx_bytes ?? 0);
  }

  sorted(): T[] {
    const list = [...this.#all.values()].map(({ sum, addrs }) => Object.assign(sum, { hosts: addrs.size }));
    return list.sort((a, b) => b.connections - a.connections || b.bytes - a.bytes || (a.key < b.key ? -1 : 1));
  }
}

function position(geo: Geo, centres: Centres): { lat: number; lon: number; exact: boolean } | undefined {
  const { latitude: lat, longitude: lon, iso } = geo;
  if (lat !== undefined && lon !== undefined && Math.abs(lat) <= 90 && Math.abs(lon) <= 180) return { lat, lon, exact: true };
  const c = iso === undefined ? undefined : Object.hasOwn(centres, iso) ? centres[iso] : undefined;
  return c && { lat: c[1]!, lon: c[0]!, exact: false };
}

const names = new Intl.DisplayNames(["en"], { type: "region", fallback: "none" });

/** A country's English name, since databases have names in many languages; what the database says where the code has none. */
export function countryName(geo: Geo): string {
  let name: string | undefined;
  try {
    name = geo.iso ? names.of(geo.iso) : undefined;
  } catch { /* not of the form of a code */ }
  return name ?? geo.country ?? geo.iso ?? "";
}

/** A filter that lets through what both do; term alone where there was none. What has the term already stays as it is. */
export function narrow(filter: string, term: string): string {
  const f = filter.trim();
  if (!f || f === term) return term;
  if (f.endsWith(` and ${term}`)) return f;
  return /\bor\b|\|\|/i.test(f) ? `( ${f} ) and ${term}` : `${f} and ${term}`;
}

/** A value as the filter language reads it back. */
export function quoted(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `"${text.replace(/["'\\]/g, "\\$&")}"`;
}

/**
 * The radius of a dot, in pixels: its area grows with the value, up to what the map's width allows. Where all are few no dot is
 * large, or a handful of connections would cover Europe.
 */
export function radius(value: number, greatest: number, width: number): number {
  const least = width < 600 ? 2 : 3;
  if (greatest <= 0) return least;
  const most = Math.min(15, width / 45, 2 + 2 * Math.sqrt(greatest));
  return least + Math.sqrt(value / greatest) * most;
}
