import { duration, rate } from "../format.ts";

type Values = readonly (number | null)[];

/** What a chart of rates shows, in a sentence, for who does not see it. */
export function summary(label: string, time: readonly number[], rx: Values, tx: Values): string {
  if (time.length === 0) return `${label}: nothing was measured yet`;
  const span = duration(Math.max(1, time.at(-1)! - time[0]!));
  return `${label}, ${span}: received ${amounts(rx)}; sent ${amounts(tx)}`;
}

function amounts(values: Values): string {
  const known = values.filter((v) => v !== null);
  if (known.length === 0) return "unknown";
  return `${say(known.at(-1)!)} at the end, ${say(known.reduce((a, b) => Math.max(a, b), 0))} at most`;
}

function say(v: number): string { return rate(v) || "nothing"; }

/** The label of a tick: 0, 1 kB/s, 2.5 MB/s. */
export function tick(v: number): string {
  return rate(v).replace(/\.(\d*?)0+ /, (_, kept: string) => (kept ? `.${kept} ` : " ")) || "0";
}

/** The index of the last of rising numbers that is not greater than x, or -1. */
export function lastBefore(rising: readonly number[], x: number): number {
  let lo = 0;
  for (let hi = rising.length; lo < hi;) {
    const mid = (lo + hi) >> 1;
    if (rising[mid]! <= x) lo = mid + 1;
    else hi = mid;
  }
  return lo - 1;
}
