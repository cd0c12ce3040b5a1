/** What rows are sorted by. All rows of one column have the same kind. */
export type Key = string | number;

export interface Entry<R> { id: string; row: R; key: Key; away: boolean }

/**
 * Order keeps the rows of a table sorted. A reading moves only those whose key has changed: they are sorted among themselves and
 * merged into the others, which is linear.
 */
export class Order<R> {
  list: Entry<R>[] = [];
  #byId = new Map<string, Entry<R>>();
  #away = 0; // entries of the list that belong elsewhere now, or are gone

  constructor(private readonly shows: (row: R) => boolean, private key: (row: R) => Key, private sign: 1 | -1) {}

  /** Sorts anew by another key. */
  sortBy(key: (row: R) => Key, sign: 1 | -1): void {
    this.key = key;
    this.sign = sign;
    for (const e of this.list) e.key = key(e.row);
    this.list.sort(this.#compare);
  }

  /** Takes all rows anew. */
  reset(rows: ReadonlyMap<string, R>): void {
    this.list = [];
    this.#away = 0;
    this.#byId.clear();
    for (const [id, row] of rows) if (this.shows(row)) this.#add(id, row, this.key(row), this.list);
    this.list.sort(this.#compare);
  }

  /** Takes what a reading changed, and says whether a row is elsewhere now. */
  apply(rows: ReadonlyMap<string, R>, set: readonly string[], gone: readonly string[]): boolean {
    const moved: Entry<R>[] = [];
    for (const id of gone) this.#drop(id);
    for (const id of set) this.#put(id, rows.get(id), moved);
    if (moved.length === 0 && this.#away === 0) return false;
    const stay = this.#away ? this.list.filter((e) => !e.away) : this.list;
    this.#away = 0;
    for (const e of moved) e.away = false;
    this.list = merge(stay, moved.sort(this.#compare), this.#compare);
    return true;
  }

  /** Takes what a reading changed without moving a row: what is new waits for reset(), and what is gone stays. */
  update(rows: ReadonlyMap<string, R>, set: readonly string[]): void {
    for (const id of set) {
      const e = this.#byId.get(id);
      const row = rows.get(id);
      if (e && row !== undefined) e.row = row;
    }
  }

  get(id: string): Entry<R> | undefined { return this.#byId.get(id); }

  /** Where a row stands, or -1. */
  indexOf(id: string): number {
    const e = this.#byId.get(id);
    if (!e) return -1;
    let low = 0;
    for (let high = this.list.length - 1; low < high;) {
      const mid = (low + high) >> 1;
      if (this.#compare(this.list[mid]!, e) < 0) low = mid + 1;
      else high = mid;
    }
    return this.list[low] === e ? low : this.list.indexOf(e);
  }

  #put(id: string, row: R | undefined, moved: Entry<R>[]): void {
    if (row === undefined || !this.shows(row)) return this.#drop(id);
    const old = this.#byId.get(id);
    const key = this.key(row);
    if (!old) return this.#add(id, row, key, moved);
    old.row = row;
    if (old.key === key) return;
    old.key = key;
    if (!old.away) moved.push(old);
    this.#takeAway(old);
  }

  #add(id: string, row: R, key: Key, to: Entry<R>[]): void {
    const e = { id, row, key, away: false };
    this.#byId.set(id, e);
    to.push(e);
  }

  #drop(id: string): void {
    const e = this.#byId.get(id);
    if (!e) return;
    this.#takeAway(e);
    this.#byId.delete(id);
  }

  #takeAway(e: Entry<R>): void {
    e.away = true;
    this.#away++;
  }

  // What is equal stands in the order it came, whichever way the column is sorted.
  #compare = (a: Entry<R>, b: Entry<R>): number => {
    if (a.key !== b.key) return a.key < b.key ? -this.sign : this.sign;
    return a.id.length - b.id.length || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
  };
}

function merge<T>(a: T[], b: T[], compare: (a: T, b: T) => number): T[] {
  if (b.length === 0) return a;
  const out = new Array<T>(a.length + b.length);
  for (let i = 0, j = 0, n = 0; n < out.length; n++) {
    out[n] = j >= b.length || i < a.length && compare(a[i]!, b[j]!) <= 0 ? a[i++]! : b[j++]!;
  }
  return out;
}
