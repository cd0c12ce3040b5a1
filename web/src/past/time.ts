// Times that are chosen: pure functions. Moments are milliseconds since 1970, as Date has them.

export interface Period { from: number; to: number }

/** The periods that are offered, by the name that stands in the address. */
export const periods: Record<string, { text: string; of: (now: Date) => Period }> = {
  "10m": { text: "Last 10 minutes", of: (now) => back(now, 10 * 60 - 5) }, // of a longer time the server tells minutes, not seconds
  "1h": { text: "Last hour", of: (now) => back(now, 3600) },
  "24h": { text: "Last 24 hours", of: (now) => back(now, 86400) },
  today: { text: "Today", of: (now) => ({ from: +midnight(now), to: +now }) },
  yesterday: { text: "Yesterday", of: (now) => ({ from: +midnight(now, -1), to: +midnight(now) }) },
  "7d": { text: "Last 7 days", of: (now) => back(now, 7 * 86400) },
  month: { text: "This month", of: (now) => ({ from: +new Date(now.getFullYear(), now.getMonth(), 1), to: +now }) },
  "last-month": {
    text: "Last month",
    of: (now) => ({ from: +new Date(now.getFullYear(), now.getMonth() - 1, 1), to: +new Date(now.getFullYear(), now.getMonth(), 1) }),
  },
};

function back(now: Date, seconds: number): Period { return { from: +now - seconds * 1000, to: +now }; }

/** The beginning of a day of the viewer's zone, some days away. Days are not all of 24 hours. */
function midnight(t: Date, days = 0): Date { return new Date(t.getFullYear(), t.getMonth(), t.getDate() + days); }

/** A period as the address has it: a name of periods, or two moments with "~" between. */
export function parsePeriod(text: string | undefined, now: Date): Period | undefined {
  if (text !== undefined && Object.hasOwn(periods, text)) return periods[text]!.of(now);
  const [from, to] = (text ?? "").split("~").map((t) => Date.parse(t));
  return from !== undefined && to !== undefined && from < to ? { from, to } : undefined;
}

export function formatPeriod(p: Period): string { return `${rfc3339(p.from)}~${rfc3339(p.to)}`; }

/** A moment as the server takes it, to the second. */
export function rfc3339(t: number): string { return new Date(Math.floor(t / 1000) * 1000).toISOString().replace(".000", ""); }

/** The last second of a period, since the server counts the one that is named in. What is not over has none. */
export function lastSecond(p: Period, now: number): string | undefined { return p.to >= now ? undefined : rfc3339(p.to - 1); }

const pad = (n: number) => String(n).padStart(2, "0");

/** A moment as an input of type datetime-local has it: in the viewer's zone, to the second. */
export function toInput(t: number): string {
  const d = new Date(t);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}T${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
}

/** The date of a moment in the viewer's zone: 2026-11-21. */
export function dateOf(t: number): string { return toInput(t).slice(0, 10); }

const steps = [1, 5, 10, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 2 * 86400, 7 * 86400, 14 * 86400, 30 * 86400];

export interface Tick { at: number; text: string }

/** Round moments of the viewer's zone within a period, at most so many, with what a person would call them. */
export function ticks({ from, to }: Period, most: number): Tick[] {
  const step = steps.find((s) => (to - from) / 1000 / s <= most) ?? 365 * 86400;
  const list: Tick[] = [];
  const start = +midnight(new Date(from));
  // Days are counted, not added up: summer time moves the hours of later days, but not midnight.
  for (let i = Math.max(0, Math.floor((from - start) / 1000 / step) - 1); ; i++) {
    const at = step >= 86400 ? +midnight(new Date(start), (i * step) / 86400) : start + i * step * 1000;
    if (at > to) return list;
    if (at >= from) list.push({ at, text: label(at, step) });
  }
}

function label(at: number, step: number): string {
  const text = toInput(at);
  const clock = text.slice(11, step < 60 ? 19 : 16);
  return step >= 86400 || clock === "00:00" ? text.slice(5, 10) : clock;
}

/** Where a moment lies within a period: 0 at its beginning, 1 at its end, never outside. */
export function share(at: number, { from, to }: Period): number { return Math.min(1, Math.max(0, (at - from) / (to - from))); }
