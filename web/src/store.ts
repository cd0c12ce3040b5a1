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
    this.takeRows(!!frame.all, Object.keys(frame.set), Object.values(frame.set), frame.gone);
  }

  protected takeRows(all: boolean, set: string[], rows: R[], gone: string[]): void {
    if (all) this.rows.clear();
    for (const id of gone) this.rows.delete(id);
    for (let i = 0; i < set.length; i++) this.rows.set(set[i]!, rows[i]!);
    this.#tell({ all, set, gone });
  }

  clear(): void {
    if (this.rows.size > 0) this.takeRows(true, [], [], []);
  }

  #tell(change: Change): void {
    for (const call of this.#subscribers) call(change);
  }
}
