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
    if (!split || split.ids.length < few) return this.take(JSON.parse(data) as Frame<Socket>);
    this.takeRows(split.all, split.ids, split.texts.map((json) => lazySocket(json, this.#seq)), split.gone);
    this.#keep(split.ids);
  }

  protected override takeRows(all: boolean, set: string[], rows: Socket[], gone: string[]): void {
    if (all) this.#listening.clear();
    for (const id of gone) this.#listening.delete(id);
    for (let i = 0; i < set.length; i++) {
      if (listens(rows[i]!)) this.#listening.add(set[i]!);
      else if (this.#listening.size > 0) this.#listening.delete(set[i]!);
    }
    super.takeRows(all, set, rows, gone);
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
