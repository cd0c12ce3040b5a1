import type { Socket } from "./interface.ts";
import { splitFrame } from "./net/frame.ts";
import { LazySocket, lazySocket } from "./net/lazy.ts";
import { Store, type Frame } from "./store.ts";

/** Frames with fewer rows are parsed at once. */
const few = 64;

/** How many frames rows may keep in memory that nobody has looked at. */
const keptFrames = 16;

/** SocketStore is the table of sockets, the one that is long: its rows are parsed when they are looked at. */
export class SocketStore extends Store<Socket> {
  #frames: LazySocket[][] = [];

  /** Takes the data of a frame, not parsed. */
  takeText(data: string): void {
    const split = splitFrame(data);
    if (!split || split.rows.length < few) return this.take(JSON.parse(data) as Frame<Socket>);
    const set: [string, Socket][] = split.rows.map(([id, json]) => [id, lazySocket(json)]);
    this.takeRows(split.all, set, split.gone);
    this.#keep(set);
  }

  // A row keeps the text of its whole frame in memory: those that have not changed since are parsed, and let it go.
  #keep(set: [string, Socket][]): void {
    this.#frames.push(set.map(([, s]) => s as unknown as LazySocket));
    if (this.#frames.length <= keptFrames) return;
    const live = new Set<unknown>(this.rows.values());
    for (const s of this.#frames.shift()!) if (!s.parsed && live.has(s)) s.whole();
  }
}
