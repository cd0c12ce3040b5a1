// What the filter box offers while somebody writes. Pure functions.

export interface Suggestion {
  text: string; // the whole filter, if it is taken
  cursor: number; // where to go on
  show: string; // what the list shows
  hint: string;
}

/** Values that rows have now, by the name of the field, most frequent first. */
export type Values = (field: string) => string[];

interface Field { name: string; hint: string; ops: string; full?: boolean; values?: string[] }

const textOps = "= != ~ !~";
const numberOps = "= != < <= > >=";

/** Words of the filter language; see listLong in internal/cli/list.go. */
export const fields: Field[] = [
  { name: "process", hint: "name of the process", ops: "~ = != !~", full: true },
  { name: "port", hint: "port of either end", ops: numberOps },
  { name: "dport", hint: "remote port", ops: numberOps },
  { name: "sport", hint: "local port", ops: numberOps },
  { name: "dst", hint: "remote address or network", ops: "" },
  { name: "src", hint: "local address or network", ops: "" },
  { name: "state", hint: "state, or a group of states", ops: "", values: ["established", "listening", "time-wait", "close-wait", "syn-sent", "syn-recv", "fin-wait-1", "fin-wait-2", "last-ack", "unconnected", "connected"] },
  { name: "exclude", hint: "all states but this", ops: "", values: ["listening", "unconnected", "established", "close-wait"] },
  { name: "country", hint: "where the remote end is, name or code", ops: textOps },
  { name: "city", hint: "city of the remote end", ops: textOps },
  { name: "isp", hint: "provider or organisation of the remote end", ops: textOps },
  { name: "asn", hint: "autonomous system of the remote end", ops: numberOps },
  { name: "special", hint: "kind of address", ops: "= !=", values: ["private", "loopback", "link_local", "cgnat", "documentation", "multicast"] },
  { name: "user", hint: "user of the socket", ops: textOps },
  { name: "unit", hint: "systemd unit, container or service", ops: "~ = != !~", full: true },
  { name: "pid", hint: "number of the process", ops: numberOps, full: true },
  { name: "owner", hint: "whether it has a process, or why not", ops: "= !=", full: true, values: ["none", "some", "permission", "orphan", "time_wait"] },
  { name: "proto", hint: "protocol", ops: "= !=", values: ["tcp", "udp"] },
  { name: "family", hint: "IP version", ops: "= !=", values: ["4", "6"] },
  { name: "rx_bytes", hint: "bytes received (TCP)", ops: "> >= < <= =" },
  { name: "tx_bytes", hint: "bytes sent (TCP)", ops: "> >= < <= =" },
  { name: "rtt_us", hint: "round-trip time, microseconds", ops: "> >= < <= =" },
  { name: "retrans", hint: "segments sent again", ops: "> >= < <= =" },
  { name: "recv_q", hint: "bytes not read yet", ops: "> >= < <= =" },
  { name: "send_q", hint: "bytes not acknowledged yet", ops: "> >= < <= =" },
  { name: "dev", hint: "interface that it is bound to", ops: textOps },
  { name: "uid", hint: "number of the user", ops: numberOps },
  { name: "netns", hint: "network namespace", ops: numberOps },
  { name: "inode", hint: "inode of the socket", ops: numberOps },
  { name: "congestion", hint: "congestion control", ops: textOps },
];

/** What an empty box offers. */
export const examples: { text: string; hint: string; full?: boolean }[] = [
  { text: "state established", hint: "open connections" },
  { text: "dport = 443 or dport = 80", hint: "to web servers" },
  { text: "process ~ ^ssh", hint: "names that begin with ssh", full: true },
  { text: "dst 10.0.0.0/8", hint: "to a network" },
  { text: "state close-wait", hint: "the peer has ended, the program has not" },
  { text: "rtt_us > 100000", hint: "round trips over 100 ms" },
  { text: "not special = loopback and not special = private", hint: "to the Internet" },
];

const word = /^[a-z_]*$/i;

/** What to offer for a text with the cursor behind it. */
export function suggest(text: string, values: Values, full: boolean): Suggestion[] {
  if (text.trim() === "") return examples.filter((e) => full || !e.full).map((e) => ({ text: e.text, cursor: e.text.length, show: e.text, hint: e.hint }));
  const { head, last, before } = split(text);
  const field = fields.find((f) => f.name === before[before.length - 1]);
  if (field && field.ops === "") return valuesOf(field, head, last, values);
  if (field && !isOp(last)) return opsOf(field, head, last);
  const owner = fields.find((f) => f.name === before[before.length - 2]);
  if (owner && owner.ops && isOp(before[before.length - 1] ?? "")) return valuesOf(owner, head, last, values);
  return [...(word.test(last) ? names(head, last, before, full) : []), ...guesses(text, full)].slice(0, 9);
}

/** What a text that is no expression may mean, such as nginx, 443 or 10.0.0.1; nothing where it looks like one. */
export function guesses(text: string, full: boolean): Suggestion[] {
  const t = text.trim();
  if (/[\s=<>~()!&|]/.test(t)) return [];
  const one = (expr: string, hint: string): Suggestion => ({ text: expr, cursor: expr.length, show: expr, hint });
  if (/^\d{1,5}$/.test(t)) return [one(`port = ${t}`, "either end's port"), ...(full ? [one(`pid = ${t}`, "a process")] : [])];
  if (/^:\d{1,5}$/.test(t)) return [one(`port = ${t.slice(1)}`, "either end's port")];
  if (/^[0-9.]+(\/\d+)?$/.test(t) && t.includes(".") || /^[0-9a-f:]*:[0-9a-f:]*:[0-9a-f:]*(\/\d+)?$/i.test(t)) return [one(`dst ${t} or src ${t}`, "either end's address")];
  if (fields.some((f) => f.name === t) || ["and", "or", "not"].includes(t)) return [];
  const quoted = /^[\w.+-]+$/.test(t) ? t : `'${t.replaceAll("'", "")}'`;
  const state = fields.find((f) => f.name === "state")!.values!.find((s) => s === t);
  if (state) return [one(`state ${state}`, "a state")];
  return full ? [one(`process ~ ${quoted}`, "names of processes"), one(`user = ${quoted}`, "a user")] : [one(`user = ${quoted}`, "a user")];
}

function split(text: string): { head: string; last: string; before: string[] } {
  const at = Math.max(text.lastIndexOf(" "), text.lastIndexOf("("), text.lastIndexOf("!")) + 1;
  return { head: text.slice(0, at), last: text.slice(at), before: text.slice(0, at).replace(/[()!]/g, " ").trim().split(/\s+/) };
}

function isOp(text: string): boolean { return /^(=|==|!=|<=?|>=?|!?~)$/.test(text); }

function take(head: string, text: string, hint: string, tail = " "): Suggestion {
  const whole = head + text + tail;
  return { text: whole, cursor: whole.length, show: text, hint };
}

function names(head: string, last: string, before: string[], full: boolean): Suggestion[] {
  const found = fields.filter((f) => f.name.startsWith(last.toLowerCase()) && (full || !f.full)).map((f) => take(head, f.name, f.hint));
  const afterValue = before.length > 1 && !["and", "or", "not"].includes(before[before.length - 1]!);
  const joins = afterValue ? ["and", "or"].filter((w) => w.startsWith(last)).map((w) => take(head, w, "")) : [];
  return [...joins, ...found];
}

function opsOf(f: Field, head: string, last: string): Suggestion[] {
  const meaning: Record<string, string> = { "=": "is", "!=": "is not", "~": "matches (regular expression)", "!~": "does not match", "<": "less than", "<=": "at most", ">": "more than", ">=": "at least" };
  return f.ops.split(" ").filter((op) => op.startsWith(last)).map((op) => take(head, op, meaning[op] ?? ""));
}

function valuesOf(f: Field, head: string, last: string, values: Values): Suggestion[] {
  const all = [...new Set([...values(f.name), ...f.values ?? []])];
  const want = last.toLowerCase().replace(/^['"]/, "");
  return all.filter((v) => v.toLowerCase().includes(want)).slice(0, 9).map((v) => take(head, /^[\w.:/@+-]+$/.test(v) ? v : `'${v.replaceAll("'", "")}'`, "", ""));
}
