// The tables of the page.
import type { App } from "../app.ts";
import type { Link, Owner, Socket, Table, Usage } from "../interface.ts";
import { el } from "../dom.ts";
import { bytes, count, endpoint, micros, plain, rate } from "../format.ts";
import { closeButton, killButton, offered } from "./act.ts";
import { panel } from "./panel.ts";
import { connectionColumns, listenerColumns, place, processes, reach, sinceText, whyNobody } from "./sockets.ts";
import { listens } from "../sockets.ts";
import { tableView } from "./table.ts";
import { hostColumns, linkColumns, processColumns, programName } from "./usage.ts";

export const connections = tableView<Socket>({
  name: "connections", title: "Connections", one: "connection", noun: "connections", columns: connectionColumns, sort: "-rx", sockets: true,
  table: (app) => app.tables.sockets, shows: (s) => !listens(s), count: (app) => app.tables.sockets.rows.size - app.tables.sockets.listening,
  empty: () => "No connection is open.",
  details: (root, app, id, table) => socketPanel(root, app, id, table),
});

export const listeners = tableView<Socket>({
  name: "listeners", title: "Listeners", one: "listener", noun: "listeners", columns: listenerColumns, sort: "port", sockets: true,
  table: (app) => app.tables.sockets, shows: listens, count: (app) => app.tables.sockets.listening, dim: (s) => reach(s) === "this machine",
  empty: () => "Nothing listens.",
  details: (root, app, id, table) => socketPanel(root, app, id, table),
});

export const processesView = tableView<Usage>({
  name: "processes", title: "Processes", one: "process", noun: "processes", full: true, columns: processColumns, sort: "-rx",
  table: (app) => app.tables.processes,
  empty: () => "No process has moved anything yet.",
  details: (root, app, id, table) => panel(root, app, id, table, {
    title: programName, subtitle: (u) => u.pid ? `process ${u.pid}` : "", rates: true,
    actions: (row) => [
      ...(row()?.pid ? [linkTo(app, "Its connections", () => { const u = row(); return u ? `pid = ${u.pid}` : ""; })] : []),
      ...(row()?.pid && offered(app, "kill") && ownerOf(app, row()!.pid!) ? [killButton(app, () => { const u = row(); return u?.pid ? ownerOf(app, u.pid) : undefined; })] : []),
    ],
    facts: (u) => {
      const o = u.pid ? ownerOf(app, u.pid) : undefined;
      return {
        Process: [["Command line", o?.cmdline && plain(o.cmdline)], ["Program", o?.exe && plain(o.exe)], ["Unit", u.module && plain(u.module)], ["User", o?.user && plain(o.user)], ["Started", o?.started && sinceText(o.started)]],
        Traffic: traffic(u),
        Connections: [["Open", count(u.open)], ["Opened", count(u.opened)], ["Closed", count(u.closed)], ["Not counted", u.uncounted ? count(u.uncounted) : ""]],
      };
    },
  }),
});

export const hosts = tableView<Usage>({
  name: "hosts", title: "Hosts", one: "remote host", noun: "remote hosts", columns: hostColumns, sort: "-rx",
  table: (app) => app.tables.hosts,
  empty: () => "Nothing was exchanged with another host yet.",
  details: (root, app, id, table) => panel(root, app, id, table, {
    title: (u) => u.remote_addr ?? "others, together", subtitle: (u) => place(u.geo), rates: true,
    actions: (row) => row()?.remote_addr ? [linkTo(app, "Its connections", () => { const u = row(); return u ? `dst ${u.remote_addr}` : ""; })] : [],
    facts: (u) => ({ Place: placeFacts(u.geo), Traffic: traffic(u), Connections: [["Open", count(u.open)], ["Opened", count(u.opened)], ["Closed", count(u.closed)]] }),
  }),
});

export const interfaces = tableView<Link>({
  name: "interfaces", title: "Interfaces", one: "interface", noun: "interfaces", columns: linkColumns, sort: "interface",
  table: (app) => app.tables.interfaces,
  dim: (l) => !!l.excluded || l.state === "down" || l.state === "disabled",
  empty: () => "There is no interface.",
  details: (root, app, id, table) => panel(root, app, id, table, {
    title: (l) => l.counted ? "All interfaces" : plain(l.interface ?? ""), subtitle: (l) => [l.kind, l.state].filter(Boolean).join(", "), rates: true,
    facts: (l) => ({
      Traffic: traffic(l),
      Packets: [["Received", packets(l.rx_packets, l.rx_packets_per_s)], ["Sent", packets(l.tx_packets, l.tx_packets_per_s)]],
      Trouble: [["Errors received", count(l.rx_errors)], ["Errors sent", count(l.tx_errors)], ["Dropped received", count(l.rx_dropped)], ["Dropped sent", count(l.tx_dropped)]],
      Total: [["Counted", l.counted?.map(plain).join(", ")], ["Not in the total", l.excluded?.replaceAll("_", " ")]],
    }),
  }),
});

function packets(n: number | undefined, perSecond: number | undefined): string {
  return n === undefined ? "" : count(n) + (perSecond ? ` (${count(Math.round(perSecond))}/s)` : "");
}

function traffic(r: { rx_bytes?: number; tx_bytes?: number; rx_bytes_per_s?: number; tx_bytes_per_s?: number; counts?: string; counted_by?: string }): [string, string | undefined][] {
  const both = (total: number | undefined, now: number | undefined) => total === undefined && !now ? "" : [bytes(total), rate(now)].filter(Boolean).join(", ");
  return [["Received", both(r.rx_bytes, r.rx_bytes_per_s)], ["Sent", both(r.tx_bytes, r.tx_bytes_per_s)], ["Counted", [r.counts, r.counted_by && `by ${r.counted_by}`].filter(Boolean).join(", ")]];
}

function placeFacts(g: Socket["geo"]): [string, string | undefined][] {
  if (!g) return [];
  return [["Country", g.country && plain(g.country) + (g.iso && g.iso !== g.country ? ` (${g.iso})` : "")], ["Region", g.region && plain(g.region)], ["City", g.city && plain(g.city)],
    ["Provider", plain([g.isp, g.org].filter(Boolean).join(", "))], ["System", g.asn ? `AS${g.asn}` : ""], ["Kind", g.special?.replaceAll("_", " ")], ["Source", g.source && plain(g.source)]];
}

/** What is known of a process from its sockets. */
function ownerOf(app: App, pid: number): Owner | undefined {
  for (const s of app.tables.sockets.rows.values()) for (const o of s.owners ?? []) if (o.pid === pid) return o;
  return undefined;
}

function linkTo(app: App, text: string, filter: () => string): HTMLElement {
  return el("button", { type: "button", class: "plain", text, on: { click: () => app.go("connections", filter()) } });
}

function socketPanel(root: HTMLElement, app: App, id: string, table: Table<Socket>) {
  return panel(root, app, id, table, {
    title: (s) => s.owners?.[0] ? plain(s.owners[0].name) : listens(s) ? endpoint(s.local_addr, s.local_port) : endpoint(s.remote_addr, s.remote_port),
    subtitle: (s) => listens(s) ? `${s.proto} ${endpoint(s.local_addr, s.local_port)}` : `${s.proto} ${endpoint(s.local_addr, s.local_port)} → ${endpoint(s.remote_addr, s.remote_port)}`,
    rates: !listens(table.rows.get(id) ?? { proto: "", state: "" }),
    actions: (row) => socketActions(app, row),
    facts: (s) => ({ ...ownerFacts(s), Connection: connectionFacts(s), Place: placeFacts(s.geo), Traffic: traffic(s), TCP: tcpFacts(s) }),
  });
}

function socketActions(app: App, row: () => Socket | undefined): HTMLElement[] {
  const s = row();
  if (!s) return [];
  const known = () => row()?.owners?.find((o) => o.started);
  return [
    ...(s.remote_port && offered(app, "close") ? [closeButton(app, row)] : []),
    ...(known() && offered(app, "kill") ? [killButton(app, known)] : []),
    ...(s.owners?.[0] ? [linkTo(app, "All of this process", () => `pid = ${row()?.owners?.[0]?.pid ?? s.owners![0]!.pid}`)] : []),
    ...(s.remote_port ? [linkTo(app, "All to this host", () => `dst ${s.remote_addr}`)] : listens(s) && s.local_port ? [linkTo(app, "Its connections", () => `sport = ${s.local_port}`)] : []),
  ];
}

function ownerFacts(s: Socket): Record<string, [string, string | undefined][]> {
  const all = processes(s);
  if (all.length === 0) return { Process: [["Owner", whyNobody(s)], ["User", s.user && plain(s.user)], ["Unit", s.module && plain(s.module)]] };
  return Object.fromEntries(all.slice(0, 20).map((o, i) => [all.length === 1 ? "Process" : `Process ${i + 1} of ${all.length}`, [
    ["Name", `${plain(o.name)} (${o.pid})`], ["Command line", o.cmdline && plain(o.cmdline)], ["Program", o.exe && plain(o.exe)], ["User", (o.user ?? s.user) && plain(o.user ?? s.user!)],
    ["Unit", (o.module ?? s.module) && plain(o.module ?? s.module!)], ["Started", o.started && sinceText(o.started)], ["Descriptor", o.fd === undefined ? "" : String(o.fd)],
  ] as [string, string | undefined][]]));
}

function connectionFacts(s: Socket): [string, string | undefined][] {
  return [["State", s.state.toLowerCase().replaceAll("_", " ")], ["Open since", s.since && sinceText(s.since)], ["Local", endpoint(s.local_addr, s.local_port)], ["Remote", s.remote_port ? endpoint(s.remote_addr, s.remote_port) : ""],
    ["Reach", listens(s) ? reach(s) : ""], ["Interface", s.interface && plain(s.interface)],
    [listens(s) && s.proto === "tcp" ? "Waiting" : "Receive queue", s.recv_q === undefined ? "" : count(s.recv_q)], [listens(s) && s.proto === "tcp" ? "Backlog" : "Send queue", s.send_q === undefined ? "" : count(s.send_q)],
    ["Inode", s.inode === undefined ? "" : String(s.inode)], ["Namespace", s.netns === undefined ? "" : String(s.netns)]];
}

function tcpFacts(s: Socket): [string, string | undefined][] {
  return [["Round-trip time", micros(s.rtt_us)], ["Sent again", s.retrans ? count(s.retrans) : ""], ["Window", s.cwnd ? `${count(s.cwnd)} segments` : ""], ["Congestion", s.congestion]];
}
