import type { Change, Off, Table } from "./interface.ts";

/** A frame of a table's topic. */
export interface Frame<R> { all?: boolean; set: Record<string, R>; gone: string[] }

/** A table as the stream keeps it. */
export class Store<R> implements Table<R> {
  readonly rows = new Map<string, R>();
  #subscribers = new Set<(change: Change) => void>();

  subscribe(changed: (change: Change) => void): Off {
    this.#subscribers.add(changed);
    return () => this.#subscribers.delete(changed);
  }

  /** Takes a frame in. With `all`, rows that are not in it are gone, and the others are kept. */
  take(frame: Frame<R>): void {
    const change: Change = { all: !!frame.all, set: Object.keys(frame.set), gone: frame.gone };
    if (frame.all) this.rows.clear();
    for (const id of frame.gone) this.rows.delete(id);
    for (const id of change.set) this.rows.set(id, frame.set[id]!);
    this.#tell(change);
  }

  clear(): void {
    if (this.rows.size === 0) return;
    this.rows.clear();
    this.#tell({ all: true, set: [], gone: [] });
  }

  #tell(change: Change): void {
    for (const call of this.#subscribers) call(change);
  }
}
