import type { App } from "../app.ts";
import type { Status } from "../interface.ts";
import { el } from "../dom.ts";
import { count, duration, moment, plain } from "../format.ts";
import { opened } from "./dialog.ts";
import { Facts } from "../views/facts.ts";

const sources: Record<string, string> = { bpf: "the kernel, as they happen (BPF)", notice: "the system's notices", poll: "comparing readings; what is shorter is not seen" };

/** Shows what the server is, does, and cannot see. */
export async function about(app: App): Promise<void> {
  const s = await app.get<Status>("/api/status").catch(() => app.status);
  if (!s) return;
  const facts = new Facts("Server");
  facts.show(serverFacts(app, s));
  const dialog = el("dialog", { class: "dialog", "aria-labelledby": "dialog-title" },
    el("form", { method: "dialog" }, el("h2", { id: "dialog-title", text: plain(s.host) }), facts.element, missing(s),
      el("div", { class: "dialog-buttons" }, app.api.signedIn && el("button", { value: "out", class: "plain", text: "End the session" }), el("button", { class: "primary", text: "Close", autofocus: true }))));
  await opened(dialog, () => true);
  if (dialog.returnValue === "out") await app.signOut();
}

function serverFacts(app: App, s: Status): [string, string | undefined][] {
  return [
    ["Version", `sockeye ${s.version}`], ["Running since", s.began && `${moment(new Date(s.began))} (${duration((Date.now() - Date.parse(s.began)) / 1000)})`],
    ["Last reading", app.time ? moment(app.time) : ""], ["Events from", s.source && (sources[s.source] ?? s.source)],
    ["Sockets", count(s.sockets)], ["Opened, closed", s.opened === undefined ? "" : `${count(s.opened)}, ${count(s.closed)}`], ["Events lost", s.lost ? count(s.lost) : ""],
    ["Viewers", count(s.viewers)], ["You see", s.access === "full" ? "all that the server sees" : "what all users of the machine may"], ["Changes", s.read_only ? "none: it is read-only" : ""],
  ];
}

function missing(s: Status): HTMLElement | false {
  const list = s.partial ?? [];
  return list.length > 0 && el("section", { class: "facts" }, el("h3", { text: "What is missing" }), el("ul", { class: "missing" }, ...list.map((p) => el("li", { text: plain(p) }))));
}
