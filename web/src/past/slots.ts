import type { Slot } from "./types.ts";

/** The slots as a chart takes them, with a hole where something between was not measured. */
export function line(slots: Slot[]): { at: number[]; rx: (number | null)[]; tx: (number | null)[] } {
  const at: number[] = [];
  const rx: (number | null)[] = [];
  const tx: (number | null)[] = [];
  let end: number | undefined;
  for (const s of slots) {
    const t = Date.parse(s.time) / 1000;
    if (end !== undefined && t > end + s.seconds / 2) {
      at.push(end);
      rx.push(null);
      tx.push(null);
    }
    at.push(t);
    rx.push(s.rx_bytes_per_s ?? null);
    tx.push(s.tx_bytes_per_s ?? null);
    end = t + s.seconds;
  }
  return { at, rx, tx };
}
