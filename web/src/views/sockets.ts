import type { Geo, Owner, Socket } from "../interface.ts";
import { firstName } from "../net/lazy.ts";
import type { Column } from "../grid/column.ts";
import { addressKey, bytes, clock, count, duration, endpoint, micros, moment, plain, rate, remembering } from "../format.ts";

/** The processes of a socket without those that stand there twice. */
export function processes(s: Socket): Owner[] {
  const seen = new Set<number>();
  return (s.owners ?? []).filter((o) => !seen.has(o.pid) && seen.add(o.pid));
}

const missing: Record<string, string> = {
  permission: "not shown", time_wait: "none (time wait)", orphan: "none (orphan)", not_accepted: "not accepted yet", no_descriptor: "no descriptor",
  unknown: "unknown",
};

/** Why a socket has no owner, for a person. */
export function whyNobody(s: Socket): string {
  return s.owner_missing ? missing[s.owner_missing] ?? s.owner_missing : "";
}

/** A place in one line: city, country. */
export function place(g: Geo | undefined): string {
  if (!g) return "";
  const parts = [g.city || g.region, g.country || g.iso].filter((p, i, all) => p && all.indexOf(p) === i);
  return plain(parts.join(", ") || (g.special ?? "").replaceAll("_", " "));
}

function provider(g: Geo | undefined): string {
  if (!g) return "";
  return plain([g.org || g.isp, g.asn ? `AS${g.asn}` : ""].filter(Boolean).join(" "));
}

const states: Record<string, string> = { ESTABLISHED: "good", LISTEN: "listen", UNCONN: "listen", SYN_SENT: "wait", SYN_RECV: "wait", CLOSE_WAIT: "warn" };

/** The length of a rate's bar, from 100 B/s to 100 MB/s by powers of ten. */
export function share(bytesPerSecond: number | undefined): number {
  return bytesPerSecond ? Math.min(1, Math.max(0.03, (Math.log10(bytesPerSecond) - 2) / 6)) : 0;
}

let shownAt: number | null = null;

/** Says of which moment the rows are that are shown, for how long they are open; null is the present. */
export function showAt(t: Date | null): void { shownAt = t && t.getTime(); }

const seconds = (since: string | undefined) => since ? ((shownAt ?? Date.now()) - Date.parse(since)) / 1000 : -1;

const lower = remembering((name) => name.toLowerCase());

function nameKey(name: string | undefined): string { return name === undefined ? "\uffff" : lower(name); }

const process: Column<Socket> = {
  name: "process", title: "Process", width: 150, grow: 1.6, slot: "a", full: true,
  text: (s) => { const [o] = s.owners ?? []; return o ? plain(o.name) : whyNobody(s); },
  sub: (s) => { const all = processes(s); return all.length ? `${all[0]!.pid}${all.length > 1 ? ` +${all.length - 1}` : ""}` : ""; },
  tone: (s) => s.owners?.length ? "strong" : "weak",
  key: (s) => nameKey(firstName(s)),
  value: (s) => processes(s).map((o) => `${o.name}[${o.pid}]`).join(" ") || s.owner_missing,
};

const local: Column<Socket> = {
  name: "local", title: "Local", width: 148, grow: 1.3, spare: 2, slot: "d",
  text: (s) => endpoint(s.local_addr, s.local_port), key: (s) => addressKey(s.local_addr) + String(s.local_port ?? 0).padStart(6, "0"),
};

const remote: Column<Socket> = {
  name: "remote", title: "Remote", width: 150, grow: 1.5, slot: "c",
  text: (s) => s.remote_port ? endpoint(s.remote_addr, s.remote_port) : "",
  key: (s) => addressKey(s.remote_addr) + String(s.remote_port ?? 0).padStart(6, "0"),
};

const state: Column<Socket> = {
  name: "state", title: "State", width: 114, spare: 1, text: (s) => s.state.toLowerCase().replaceAll("_", " "), tone: (s) => `dot dot-${states[s.state] ?? "off"}`, key: (s) => s.state,
  value: (s) => s.state,
};

const proto: Column<Socket> = { name: "proto", title: "Proto", width: 54, spare: 4, text: (s) => s.proto + (s.family === 6 ? "6" : ""), tone: () => "weak", key: (s) => s.proto + s.family };

const user: Column<Socket> = { name: "user", title: "User", width: 84, spare: 3, text: (s) => plain(s.user ?? (s.uid === undefined ? "" : String(s.uid))), key: (s) => s.user ?? "\uffff" };

const unit: Column<Socket> = { name: "unit", title: "Unit", hint: "systemd unit, container or service", width: 96, grow: 1, spare: 6, full: true, text: (s) => plain(s.module ?? ""), key: (s) => s.module ?? "\uffff" };

const age: Column<Socket> = {
  name: "since", title: "Open", hint: "how long it is open, where that is known", width: 88, end: true, spare: 7,
  text: (s) => s.since ? duration(seconds(s.since)) : "", tone: () => "weak", key: (s) => s.since ? -Date.parse(s.since) : 0, value: (s) => s.since,
};

const rates: Column<Socket>[] = [
  { name: "rx", title: "↓ Rate", hint: "bytes received a second", width: 88, end: true, downwards: true, slot: "b", text: (s) => rate(s.rx_bytes_per_s), tone: () => "rx",
    bar: (s) => share(s.rx_bytes_per_s), key: (s) => s.rx_bytes_per_s ?? 0, value: (s) => s.rx_bytes_per_s ?? 0 },
  { name: "tx", title: "↑ Rate", hint: "bytes sent a second", width: 88, end: true, downwards: true, slot: "e", text: (s) => rate(s.tx_bytes_per_s), tone: () => "tx",
    bar: (s) => share(s.tx_bytes_per_s), key: (s) => s.tx_bytes_per_s ?? 0, value: (s) => s.tx_bytes_per_s ?? 0 },
];

const totals: Column<Socket>[] = [
  { name: "received", title: "Received", width: 80, spare: 9, end: true, downwards: true, text: (s) => bytes(s.rx_bytes), key: (s) => s.rx_bytes ?? -1, value: (s) => s.rx_bytes },
  { name: "sent", title: "Sent", width: 80, spare: 8, end: true, downwards: true, text: (s) => bytes(s.tx_bytes), key: (s) => s.tx_bytes ?? -1, value: (s) => s.tx_bytes },
];

const placeColumn: Column<Socket> = { name: "place", title: "Place", width: 104, grow: 1, spare: 5, text: (s) => place(s.geo), key: (s) => place(s.geo) || "\uffff" };

const number = (name: string, title: string, width: number, of: (s: Socket) => number | undefined, hint?: string, text: (n: number | undefined) => string = count): Column<Socket> => (
  { name, title, width, end: true, downwards: true, hidden: true, text: (s) => text(of(s)), key: (s) => of(s) ?? -1, value: of, ...(hint ? { hint } : {}) }
);

const more: Column<Socket>[] = [
  { name: "provider", title: "Provider", hint: "the organisation and its autonomous system", width: 120, grow: 1, hidden: true, text: (s) => provider(s.geo), key: (s) => provider(s.geo) || "\uffff" },
  number("rtt", "RTT", 76, (s) => s.rtt_us, "round-trip time", micros),
  number("retrans", "Retrans", 70, (s) => s.retrans, "segments sent again"),
  number("cwnd", "Cwnd", 64, (s) => s.cwnd, "congestion window, segments"),
  { name: "congestion", title: "Congestion", width: 88, hidden: true, text: (s) => s.congestion ?? "", key: (s) => s.congestion ?? "\uffff" },
  number("recv_q", "Recv-Q", 72, (s) => s.recv_q, "bytes that the process has not read; of a listener, connections that wait"),
  number("send_q", "Send-Q", 72, (s) => s.send_q, "bytes that the peer has not acknowledged; of a listener, how many may wait"),
  { name: "interface", title: "Interface", width: 88, hidden: true, text: (s) => plain(s.interface ?? ""), key: (s) => s.interface ?? "\uffff" },
  number("netns", "Netns", 104, (s) => s.netns, "network namespace", String),
  number("inode", "Inode", 84, (s) => s.inode, undefined, (n) => n === undefined ? "" : String(n)),
];

export const connectionColumns: Column<Socket>[] = [process, proto, state, local, remote, placeColumn, unit, { ...user, hidden: true, instead: true, slot: "a" }, ...rates, ...totals, age, ...more];

export const listenerColumns: Column<Socket>[] = [
  { ...local, title: "Address", width: 160, grow: 1.4, slot: "a", tone: () => "strong" },
  { ...number("port", "Port", 68, (s) => s.local_port), hidden: false, downwards: false, text: (s) => s.local_port ? String(s.local_port) : "", tone: () => "strong" },
  { ...proto, slot: "e" }, { ...process, slot: "c" }, unit, user,
  { name: "reach", title: "Reach", hint: "from where it can be reached, firewalls aside", width: 120, spare: 1, slot: "d", text: (s) => reach(s), tone: (s) => reach(s) === "this machine" ? "weak" : "", key: (s) => reach(s) },
  { ...number("waiting", "Waiting", 78, (s) => s.state === "LISTEN" ? s.recv_q : undefined, "connections that wait to be accepted"), hidden: false, spare: 8, text: (s) => s.state === "LISTEN" && s.recv_q ? count(s.recv_q) : "" },
  { ...number("backlog", "Backlog", 78, (s) => s.state === "LISTEN" ? s.send_q : undefined, "how many may wait"), hidden: false, spare: 9 },
  age, { ...state, hidden: true }, ...more.filter((c) => ["interface", "netns", "inode"].includes(c.name)),
];

/** From where a listener can be reached, by its address. */
export function reach(s: Socket): string {
  const a = s.local_addr ?? "";
  if (a.startsWith("127.") || a === "::1" || a.startsWith("::ffff:127.")) return "this machine";
  if (a === "0.0.0.0" || a === "::" || a === "*") return s.interface ? plain(s.interface) : "every interface";
  if (a.startsWith("fe80:") || a.startsWith("169.254.")) return "this link";
  return "one address";
}

/** What stands in a row's facts about a moment: 2026-11-21 15:04:05, 3 min ago. */
export function sinceText(since: string): string {
  const t = new Date(since);
  const ago = seconds(since);
  return `${ago < 86400 ? clock(t) : moment(t)} (${duration(ago)})`;
}
