import type { Link, Usage } from "../interface.ts";
import type { Column } from "../grid/column.ts";
import { addressKey, bytes, count, plain, rate } from "../format.ts";
import { place, share } from "./sockets.ts";

const rates: Column<any>[] = [
  { name: "rx", title: "↓ Rate", hint: "bytes received a second", width: 96, end: true, downwards: true, slot: "b", tone: () => "rx",
    text: (r) => rate(r.rx_bytes_per_s), bar: (r) => share(r.rx_bytes_per_s), key: (r) => r.rx_bytes_per_s ?? -1, value: (r) => r.rx_bytes_per_s },
  { name: "tx", title: "↑ Rate", hint: "bytes sent a second", width: 96, end: true, downwards: true, slot: "e", tone: () => "tx",
    text: (r) => rate(r.tx_bytes_per_s), bar: (r) => share(r.tx_bytes_per_s), key: (r) => r.tx_bytes_per_s ?? -1, value: (r) => r.tx_bytes_per_s },
];

const totals: Column<any>[] = [
  { name: "received", title: "Received", width: 96, spare: 5, end: true, downwards: true, text: (r) => bytes(r.rx_bytes), key: (r) => r.rx_bytes ?? -1, value: (r) => r.rx_bytes },
  { name: "sent", title: "Sent", width: 96, spare: 4, end: true, downwards: true, text: (r) => bytes(r.tx_bytes), key: (r) => r.tx_bytes ?? -1, value: (r) => r.tx_bytes },
];

const number = <R>(name: string, title: string, width: number, of: (r: R) => number | undefined, hint?: string): Column<R> => (
  { name, title, width, end: true, downwards: true, text: (r) => count(of(r)), key: (r) => of(r) ?? -1, value: of, ...(hint ? { hint } : {}) }
);

const busy: Column<Usage>[] = [
  { ...number<Usage>("open", "Open", 76, (u) => u.open, "connections that are open"), slot: "d" },
  { ...number<Usage>("opened", "Opened", 80, (u) => u.opened, "connections since sockeye looks"), spare: 7 },
  { ...number<Usage>("closed", "Closed", 80, (u) => u.closed), spare: 8 },
];

/** What a row of a process stands for: a row without a name is all that were folded into one. */
export function programName(u: Usage): string {
  return u.name ? plain(u.name) : u.pid ? "" : "idle or gone, together";
}

export const processColumns: Column<Usage>[] = [
  { name: "process", title: "Process", width: 180, grow: 2, slot: "a", text: programName, sub: (u) => u.pid ? String(u.pid) : "", tone: (u) => u.name ? "strong" : "weak", key: (u) => (u.name ?? "\uffff").toLowerCase() },
  { name: "unit", title: "Unit", hint: "systemd unit, container or service", width: 160, grow: 2, spare: 3, slot: "c", text: (u) => plain(u.module ?? ""), key: (u) => u.module ?? "\uffff" },
  ...rates, ...totals, busy[0]!, busy[1]!, busy[2]!,
  { name: "counts", title: "Counts", hint: "what is counted, and by whom", width: 90, hidden: true, text: (u) => [u.counts, u.counted_by].filter(Boolean).join(", "), key: (u) => u.counts ?? "" },
];

export const hostColumns: Column<Usage>[] = [
  { name: "host", title: "Remote host", width: 180, grow: 2, slot: "a", text: (u) => u.remote_addr ?? "others, together", tone: (u) => u.remote_addr ? "strong" : "weak", key: (u) => addressKey(u.remote_addr) || "\uffff" },
  { name: "place", title: "Place", width: 150, grow: 2, slot: "c", text: (u) => place(u.geo), key: (u) => place(u.geo) || "\uffff" },
  { name: "provider", title: "Provider", width: 150, grow: 1.5, spare: 6, text: (u) => plain(u.geo?.org || u.geo?.isp || ""), sub: (u) => u.geo?.asn ? `AS${u.geo.asn}` : "", key: (u) => u.geo?.org || u.geo?.isp || "\uffff" },
  ...rates, ...totals, ...busy,
];

const packets = (name: string, title: string, of: (l: Link) => number | undefined): Column<Link> => ({ ...number<Link>(name, title, 92, of), spare: 8, text: (l) => { const n = of(l); return n ? count(Math.round(n)) : ""; } });
const trouble = (name: string, title: string, of: (l: Link) => number | undefined): Column<Link> => ({ ...number<Link>(name, title, 84, of), spare: 7, text: (l) => of(l) ? count(of(l)) : "", tone: (l) => of(l) ? "warn" : "" });

export const linkColumns: Column<Link>[] = [
  { name: "interface", title: "Interface", width: 140, grow: 1.2, slot: "a", text: (l) => l.counted ? "all interfaces" : plain(l.interface ?? ""), tone: () => "strong", key: (l) => l.counted ? "" : l.interface ?? "" },
  { name: "kind", title: "Kind", width: 100, grow: 1, slot: "c", text: (l) => l.counted ? l.counted.map(plain).join(" + ") : l.kind ?? "", key: (l) => l.kind ?? "" },
  { name: "state", title: "State", width: 132, slot: "d", text: (l) => (l.state ?? "").replaceAll("_", " "), tone: (l) => l.counted || !l.state ? "" : `dot dot-${l.state === "up" ? "good" : l.state === "unknown" ? "listen" : "off"}`, key: (l) => l.state ?? "" },
  ...rates, ...totals,
  packets("rx_packets", "↓ Packets/s", (l) => l.rx_packets_per_s), packets("tx_packets", "↑ Packets/s", (l) => l.tx_packets_per_s),
  trouble("errors", "Errors", (l) => (l.rx_errors ?? 0) + (l.tx_errors ?? 0)), trouble("dropped", "Dropped", (l) => (l.rx_dropped ?? 0) + (l.tx_dropped ?? 0)),
  { name: "note", title: "Note", hint: "why it is not in the total", width: 190, grow: 1, spare: 9, text: (l) => l.excluded ? `not counted: ${l.excluded.replaceAll("_", " ")}` : (l.marks ?? []).join(" "), tone: () => "weak", key: (l) => l.excluded ?? "" },
];
