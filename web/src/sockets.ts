import type { Socket } from "./interface.ts";
import { splitFrame } from "./net/frame.ts";
import { LazySocket, lazySocket } from "./net/lazy.ts";
import { Store, type Frame } from "./store.ts";

/** Whether a socket waits for others: a listener, or a UDP socket without a peer. */
export function listens(s: Socket): boolean {
  return s.state === "LISTEN" || s.state === "UNCONN" || s.proto === "udp" && !s.remote_port;
}

/** Frames with fewer rows are parsed at once. */
const few = 64;

/** How many frames rows may keep in memory that nobody has looked at. */
const keptFrames = 16;

/** SocketStore is the table of sockets, the one that is long: its rows are parsed when they are looked at. */
export class SocketStore extends Store<Socket> {
  #frames: string[][] = []; // the numbers of their rows, oldest first
  #seq = 0;
  #listening = new Set<string>();

  /** How many of them listen. */
  get listening(): number { return this.#listening.size; }

  /** Takes the data of a frame, not parsed. */
  takeText(data: string): void {
    const split = splitFrame(data);
    if (!split || split.rows.length < few) return this.take(JSON.parse(data) as Frame<Socket>);
    const set: [string, Socket][] = split.rows.map(([id, json]) => [id, lazySocket(json, this.#seq)]);
    this.takeRows(split.all, set, split.gone);
    this.#keep(split.rows.map(([id]) => id));
  }

  protected override takeRows(all: boolean, set: [id: string, row: Socket][], gone: string[]): void {
    if (all) this.#listening.clear();
    for (const id of gone) this.#listening.delete(id);
    for (const [id, s] of set) {
      if (listens(s)) this.#listening.add(id);
      else this.#listening.delete(id);
    }
    super.takeRows(all, set, gone);
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
