import type { Slot } from "./types.ts";

/** The slots as a chart with steps takes them, with a hole where something between was not measured. */
export function line(slots: Slot[]): { at: number[]; rx: (number | null)[]; tx: (number | null)[] } {
  const at: number[] = [];
  const rx: (number | null)[] = [];
  const tx: (number | null)[] = [];
  const put = (t: number, s?: Slot) => {
    at.push(t);
    rx.push(s?.rx_bytes_per_s ?? null);
    tx.push(s?.tx_bytes_per_s ?? null);
  };
  slots.forEach((s, i) => {
    const t = Date.parse(s.time) / 1000;
    const end = t + s.seconds;
    const then = slots[i + 1] && Date.parse(slots[i + 1]!.time) / 1000;
    put(t, s);
    if (then !== undefined && then < end + s.seconds / 2) return;
    put(end, s);
    if (then !== undefined) put(end + s.seconds / 100);
  });
  return { at, rx, tx };
}
