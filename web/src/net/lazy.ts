import type { Socket } from "../interface.ts";

/** The fields of a socket (StreamSocket of openapi.json). */
const fields: (keyof Socket)[] = [
  "proto", "family", "type", "state", "local_addr", "local_port", "remote_addr", "remote_port", "path", "peer", "interface", "netns", "uid", "user", "inode",
  "cookie", "recv_q", "send_q", "module", "owners", "owner_missing", "rx_bytes", "tx_bytes", "rtt_us", "retrans", "cwnd", "congestion", "geo", "rx_bytes_per_s",
  "tx_bytes_per_s", "since",
];

/** LazySocket is a socket that is parsed when somebody looks at it, of the frame of that number. What every row is asked for at each reading is read from the text. */
export class LazySocket {
  #text: string | null;
  #whole: Socket | null = null;
  #state: string | undefined;

  constructor(json: string, readonly frame: number) { this.#text = json; }

  /** The socket, parsed. The text, which keeps the whole frame in memory, is let go. */
  whole(): Socket {
    if (!this.#whole) {
      this.#whole = JSON.parse(this.#text!) as Socket;
      this.#text = null;
    }
    return this.#whole;
  }

  get state(): string {
    if (this.#state === undefined) this.#state = (this.#text !== null ? textOf(this.#text, '"state":"') : undefined) ?? this.whole().state;
    return this.#state;
  }

  get proto(): string {
    const text = this.#text;
    return text !== null && text.startsWith('{"proto":"tcp"') ? "tcp" : this.whole().proto;
  }

  get rx_bytes_per_s(): number | undefined { return this.#rate("rx_bytes_per_s"); }
  get tx_bytes_per_s(): number | undefined { return this.#rate("tx_bytes_per_s"); }

  #rate(name: "rx_bytes_per_s" | "tx_bytes_per_s"): number | undefined {
    if (this.#text === null) return this.#whole![name];
    const mark = `"${name}":`;
    const at = this.#text.lastIndexOf(mark);
    return at < 0 ? undefined : parseFloat(this.#text.slice(at + mark.length, at + mark.length + 24));
  }

  toJSON(): Socket { return this.whole(); }
}

// A key's quotation marks are bare, so that it is found in no string.
function textOf(json: string, mark: string): string | undefined {
  const at = json.indexOf(mark);
  if (at < 0) return undefined;
  const from = at + mark.length;
  const text = json.slice(from, json.indexOf('"', from));
  return /^\w+$/.test(text) ? String(text) : undefined;
}

for (const f of fields) {
  if (f in LazySocket.prototype) continue;
  Object.defineProperty(LazySocket.prototype, f, { get(this: LazySocket) { return this.whole()[f]; }, enumerable: true });
}

/** A socket as a row of the store. */
export function lazySocket(json: string, frame = 0): Socket { return new LazySocket(json, frame) as unknown as Socket; }
