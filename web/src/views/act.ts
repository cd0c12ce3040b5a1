import type { App } from "../app.ts";
import type { Owner, Socket } from "../interface.ts";
import { el } from "../dom.ts";
import { endpoint, plain } from "../format.ts";
import { confirm } from "../shell/dialog.ts";

/** Whether the server does this for the viewer. */
export function offered(app: App, action: string): boolean {
  return !!app.status && !app.status.read_only && !app.past && app.status.actions.includes(action);
}

interface Result { result: string; error?: string }

/** A button that closes a connection. */
export function closeButton(app: App, row: () => Socket | undefined): HTMLElement {
  return el("button", { type: "button", class: "plain", text: "Close the connection …", on: { click: () => { const s = row(); if (s) void close(app, s); } } });
}

async function close(app: App, s: Socket): Promise<void> {
  const ends = `${endpoint(s.local_addr, s.local_port)} → ${endpoint(s.remote_addr, s.remote_port)}`;
  if (!await confirm("Close this connection?", "Both ends are told that it was aborted. The program may open another.", "Close it", [ends, ...(s.owners?.[0] ? [plain(s.owners[0].name)] : [])])) return;
  await act(app, "close", { sockets: [s] }, (a: { connections: Result[] }) => a.connections.map(told).join(", ") || "it was gone already");
}

/** A button that ends a process. */
export function killButton(app: App, owner: () => Owner | undefined): HTMLElement {
  return el("button", { type: "button", class: "plain", text: "End the process …", on: { click: () => { const o = owner(); if (o) void kill(app, o); } } });
}

async function kill(app: App, o: Owner): Promise<void> {
  const facts = [`${plain(o.name)} (${o.pid})`, ...(o.cmdline ? [plain(o.cmdline)] : [])];
  if (!await confirm("End this process?", "It gets the signal TERM and, if it is there after five seconds, KILL. All its connections end.", "End it", facts)) return;
  await act(app, "kill", { pid: o.pid, started: o.started }, told);
}

function told(r: Result): string { return r.error ? `${r.result}: ${r.error}` : r.result; }

async function act<A>(app: App, action: string, body: unknown, tell: (answer: A) => string): Promise<void> {
  try {
    app.say(plain(tell(await app.post<A>(`/api/actions/${action}`, body))));
  } catch (err) {
    app.say(plain((err as Error).message));
  }
}
