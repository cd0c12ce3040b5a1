// Numbers, times and names as text. Pure functions.

const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/** Bytes with three digits and SI prefixes: 999 B, 1.23 kB, 45.6 MB. */
export function bytes(n: number | undefined | null): string {
  if (n === undefined || n === null) return "";
  let i = 0;
  while (n >= 999.5 && i < units.length - 1) { n /= 1000; i++; }
  return `${i === 0 ? Math.round(n) : n < 9.995 ? n.toFixed(2) : n < 99.95 ? n.toFixed(1) : n.toFixed(0)} ${units[i]}`;
}

/** Bytes a second; nothing where nothing moves, so that what moves is seen. */
export function rate(n: number | undefined | null): string {
  return n ? bytes(n) + "/s" : "";
}

const grouped = new Intl.NumberFormat("en-US");

/** A whole number with groups: 12,345. */
export function count(n: number | undefined): string {
  return n === undefined ? "" : grouped.format(n);
}

/** Microseconds as milliseconds: 0.05 ms, 12.3 ms. */
export function micros(us: number | undefined): string {
  if (us === undefined) return "";
  const ms = us / 1000;
  return `${ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}

/** A length of time in a few characters: 45 s, 3 min 20 s, 42 min, 5 h 2 min, 12 d 3 h, 120 d. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 600) return two(s, 60, "min", 1, "s");
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return two(s, 3600, "h", 60, "min");
  if (s >= 8640000) return `${Math.floor(s / 86400)} d`;
  return two(s, 86400, "d", 3600, "h");
}

function two(s: number, a: number, nameA: string, b: number, nameB: string): string {
  const rest = Math.floor((s % a) / b);
  return `${Math.floor(s / a)} ${nameA}${rest ? ` ${rest} ${nameB}` : ""}`;
}

/** A clock time of the viewer's zone: 15:04:05. */
export function clock(t: Date): string {
  return `${pad(t.getHours())}:${pad(t.getMinutes())}:${pad(t.getSeconds())}`;
}

/** A date and time of the viewer's zone: 2026-11-21 15:04:05. */
export function moment(t: Date): string {
  return `${t.getFullYear()}-${pad(t.getMonth() + 1)}-${pad(t.getDate())} ${clock(t)}`;
}

function pad(n: number): string { return String(n).padStart(2, "0"); }

/** An address and port as a person writes them: 192.0.2.1:443, [2001:db8::1]:443. */
export function endpoint(addr: string | undefined, port: number | undefined): string {
  if (addr === undefined) return "";
  return `${addr.includes(":") ? `[${addr}]` : addr}:${port ? port : "*"}`;
}

// Characters that show nothing, move the cursor, or turn the direction of what stands behind them.
const invisible = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/**
 * Text that others have chosen (names, command lines, hosts) so that it is seen for what it is: control characters, and those that
 * turn the direction of writing, as U+FFFD.
 */
export function plain(text: string): string {
  return text.replace(invisible, "\ufffd");
}

/**
 * Remembers what a function made of a text. Ten thousand rows have a few dozen names, and what is remembered is the same string, which is
 * compared at once.
 */
export function remembering(make: (text: string) => string, most = 4096): (text: string) => string {
  const made = new Map<string, string>();
  return (text) => {
    let m = made.get(text);
    if (m === undefined) {
      if (made.size >= most) made.clear();
      made.set(text, m = make(text));
    }
    return m;
  };
}

/** A string that sorts addresses by their number, IPv4 before IPv6. */
export function addressKey(addr: string | undefined): string {
  if (!addr) return "";
  if (addr.includes(":")) return "6" + groups6(addr).map((g) => g.padStart(4, "0")).join("");
  return "4" + addr.split(".").map((b) => b.padStart(3, "0")).join("");
}

function groups6(addr: string): string[] {
  const [head = "", tail] = addr.split("%")[0]!.split("::");
  const a = head ? head.split(":") : [];
  const b = tail ? tail.split(":") : [];
  if (tail === undefined) return a;
  return [...a, ...Array<string>(Math.max(0, 8 - a.length - b.length)).fill("0"), ...b];
}
