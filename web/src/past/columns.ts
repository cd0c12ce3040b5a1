import { bytes, count, duration, endpoint, moment, plain } from "../format.ts";
import type { Column } from "./sheet.ts";
import type { Group, Life } from "./types.ts";
import { groupMore, groupName } from "./words.ts";

const at = (t: string | undefined) => (t ? moment(new Date(t)) : "");

/** The columns of sums; choose is what a click on a name does, if it does something. */
export function groupColumns(title: string, groups: Group[], choose: (g: Group) => (() => void) | undefined): Column<Group>[] {
  const total = (g: Group) => (g.rx_bytes ?? 0) + (g.tx_bytes ?? 0);
  const most = groups.reduce((m, g) => Math.max(m, total(g)), 1);
  const columns: Column<Group>[] = [
    { title, text: groupName, more: groupMore, choose, sort: (g) => groupName(g).toLowerCase() },
    { title: "Bytes", text: (g) => bytes(total(g)), right: true, sort: total, part: (g) => total(g) / most, hint: hint(groups) },
    { title: "Received", text: (g) => bytes(g.rx_bytes), right: true, sort: (g) => g.rx_bytes ?? -1 },
    { title: "Sent", text: (g) => bytes(g.tx_bytes), right: true, sort: (g) => g.tx_bytes ?? -1 },
    { title: "Connections", text: (g) => count(g.connections), right: true, sort: (g) => g.connections },
  ];
  if (groups.some((g) => g.first)) {
    columns.push({ title: "First", text: (g) => at(g.first), sort: (g) => g.first ?? "" }, { title: "Last", text: (g) => at(g.last), sort: (g) => g.last ?? "" });
  }
  return columns;
}

function hint(groups: Group[]): string {
  return groups.some((g) => g.counts === "moved_in_time") ? "moved in this time" : "of connections that were open in this time, all of their lives";
}

const owner = (l: Life) => plain(l.owners?.map((o) => o.name).filter((n, i, all) => all.indexOf(n) === i).join(", ") ?? "");

/** The columns of what listened. */
export const listenerColumns: Column<Life>[] = [
  { title: "Process", text: (l) => owner(l) || "not known", more: (l) => plain(l.module ?? ""), sort: owner },
  { title: "Proto", text: (l) => l.proto, sort: (l) => l.proto },
  { title: "Address", text: (l) => endpoint(l.local_addr, l.local_port) || plain(l.path ?? ""), sort: (l) => l.local_port ?? 0 },
  { title: "Opened", text: (l) => (l.opened_before ? "before " : "") + at(l.opened), sort: (l) => l.opened },
  { title: "Closed", text: (l) => (l.open ? "listens" : at(l.closed) || `last seen ${at(l.last_seen)}`), sort: (l) => l.closed ?? l.last_seen ?? "~" },
  { title: "User", text: (l) => plain(l.user ?? ""), sort: (l) => l.user ?? "" },
];

/** The columns of connections that were. */
export const lifeColumns: Column<Life>[] = [
  { title: "Opened", text: (l) => (l.opened_before ? "before " : "") + at(l.opened), sort: (l) => l.opened },
  { title: "Lasted", text: lasted, right: true, sort: (l) => l.lifetime_ms ?? -1 },
  { title: "Process", text: (l) => owner(l) || "not known", more: (l) => plain(l.module ?? ""), sort: owner },
  { title: "Local", text: (l) => endpoint(l.local_addr, l.local_port), sort: (l) => l.local_port ?? 0 },
  { title: "Remote", text: (l) => endpoint(l.remote_addr, l.remote_port), more: (l) => plain([l.geo?.city, l.geo?.iso].filter(Boolean).join(", ")), sort: (l) => l.remote_addr ?? "" },
  { title: "Received", text: (l) => bytes(l.rx_bytes), right: true, sort: (l) => l.rx_bytes ?? -1 },
  { title: "Sent", text: (l) => bytes(l.tx_bytes), right: true, sort: (l) => l.tx_bytes ?? -1 },
];

function lasted(l: Life): string {
  if (l.open) return "open";
  return l.lifetime_ms === undefined ? "" : l.lifetime_ms < 1000 ? `${Math.round(l.lifetime_ms)} ms` : duration(l.lifetime_ms / 1000);
}
