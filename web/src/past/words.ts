import { count, endpoint, plain } from "../format.ts";
import { countryName, narrow, quoted } from "../map/places.ts";
import type { Group, NewsItem, Way } from "./types.ts";

/** The kinds of news, as the server names them, and what they are called. */
export const kinds: Record<string, string> = {
  new_program: "Program", new_listener: "Listener", new_country: "Country", new_asn: "Network", new_host: "Host",
};

/** What an item of news says, in a sentence. */
export function told(n: NewsItem): string {
  const who = plain(n.owners?.[0]?.name ?? (n.module || "A process that is not known"));
  const remote = n.remote_addr ?? "a host";
  switch (n.event) {
    case "new_program": return `${who} uses the network for the first time`;
    case "new_listener": return `${who} listens on ${endpoint(n.local_addr, n.local_port)}/${n.proto}`;
    case "new_country": return `${who} reaches ${plain(countryName(n.geo ?? {})) || "another country"} for the first time (${remote})`;
    case "new_asn": return `${who} reaches ${network(n)} for the first time (${remote})`;
    case "new_host": return `${who} reaches ${remote} for the first time`;
  }
  return `${plain(n.event)}: ${who}`;
}

function network(n: NewsItem): string {
  const name = plain(n.geo?.org ?? n.geo?.isp ?? "");
  return [n.geo?.asn ? `AS${n.geo.asn}` : "", name].filter(Boolean).join(" ") || "another network";
}

/** A filter that finds what the news is of. */
export function found(n: NewsItem): string {
  const name = n.owners?.[0]?.name;
  const terms = name === undefined ? [] : [`process = ${quoted(name)}`];
  if (n.event === "new_listener" && n.local_port) terms.push(`sport = ${n.local_port}`);
  if (n.event === "new_host" && n.remote_addr) terms.push(`dst ${n.remote_addr}`);
  if (n.event === "new_country" && n.geo?.iso) terms.push(`country = ${n.geo.iso}`);
  if (n.event === "new_asn" && n.geo?.asn) terms.push(`asn = ${n.geo.asn}`);
  return terms.join(" and ");
}

/** What a group is called. */
export function groupName(g: Group): string {
  if (g.by === "country" && (g.iso ?? g.country ?? g.key)) return plain(countryName({ iso: g.iso ?? iso(g.key), country: g.country ?? g.key }));
  if (g.key === undefined) return "not known";
  return plain(g.by === "asn" && /^\d+$/.test(g.key) ? `AS${g.key}` : g.key);
}

function iso(key: string | undefined): string | undefined { return key && /^[A-Z]{2}$/.test(key) ? key : undefined; }

/** What is known besides of a group: the place of a host, who runs a network. */
export function groupMore(g: Group): string {
  if (g.by === "host") return plain([g.city, g.iso ?? g.country, g.org ?? g.isp, g.special].filter(Boolean).join(" · "));
  if (g.by === "asn") return plain([g.org ?? g.isp, g.iso].filter(Boolean).join(" · "));
  return "";
}

/** The filter that lets through what is in a group, with what the filter was; nothing where there is none. */
export function within(filter: string, g: Group): string | undefined {
  const term = g.key === undefined ? undefined : terms[g.by]?.(g.key, g);
  return term && narrow(filter, term);
}

const terms: Partial<Record<Way, (key: string, g: Group) => string | undefined>> = {
  process: (key) => `process = ${quoted(key)}`,
  unit: (key) => `unit = ${quoted(key)}`,
  host: (key) => `dst ${key}`,
  country: (key, g) => `country = ${quoted(g.iso ?? key)}`,
  asn: (key) => (/^(AS)?\d+$/i.test(key) ? `asn = ${key}` : undefined),
  port: (key) => { const n = /(\d+)/.exec(key)?.[1]; return n && `port = ${n}`; },
};

/** Texts as sentences, one behind the other. */
export function sentences(...texts: string[]): string {
  return texts.filter(Boolean).map((t) => t[0]!.toUpperCase() + t.slice(1) + (/[.!?]$/.test(t) ? "" : ".")).join(" ");
}

/** How many there are of what has a regular plural: 1 country, 2 countries. */
export function counted(n: number, nouns: string): string {
  if (n !== 1) return `${count(n)} ${nouns}`;
  return `1 ${nouns.endsWith("ies") ? nouns.slice(0, -3) + "y" : nouns.replace(/(ss)es$|s$/, "$1")}`;
}
