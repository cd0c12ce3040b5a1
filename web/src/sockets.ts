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
  #frames: string[][] = []; // the numbers of their rows, oldest first
  #seq = 0;

  /** Takes the data of a frame, not parsed. */
  takeText(data: string): void {
    const split = splitFrame(data);
    if (!split || split.rows.length < few) return this.take(JSON.parse(data) as Frame<Socket>);
    const set: [string, Socket][] = split.rows.map(([id, json]) => [id, lazySocket(json, this.#seq)]);
    this.takeRows(split.all, set, split.gone);
    this.#keep(split.rows.map(([id]) => id));
  }

  // A row keeps the text of its whole frame in memory: those that have not changed since are parsed, and let it go.
  #keep(ids: string[]): void {
    this.#frames.push(ids);
    const old = ++this.#seq - keptFrames;
    if (old < 0) return;
    for (const id of this.#frames.shift()!) {
      const s: unknown = this.rows.get(id);
      if (s instanceof LazySocket && s.frame <= old) s.whole();
    }
  }
}
