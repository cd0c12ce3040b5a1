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
    return this.#state ??= (this.#text !== null ? stateOf(this.#text) : undefined) ?? this.whole().state;
  }

  get proto(): string {
    const text = this.#text;
    return text !== null && text.startsWith('{"proto":"tcp"') ? "tcp" : this.whole().proto;
  }

  /** The name of the first process. */
  get firstName(): string | undefined {
    const text = this.#text;
    if (text === null) return this.#whole!.owners?.[0]?.name;
    const owners = text.indexOf('"owners":[{"pid":');
    if (owners < 0) return undefined;
    const from = text.indexOf('"name":"', owners) + 8;
    const name = text.slice(from, text.indexOf('"', from));
    return name.includes("\\") ? this.whole().owners?.[0]?.name : name;
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

const states = ["ESTABLISHED", "LISTEN", "UNCONN", "TIME_WAIT", "CLOSE_WAIT", "SYN_SENT", "FIN_WAIT1", "FIN_WAIT2"];

// A key's quotation marks are bare, so that it is found in no string.
function stateOf(json: string): string | undefined {
  const mark = '"state":"';
  const at = json.indexOf(mark) + mark.length;
  return states.find((s) => json.startsWith(s, at) && json[at + s.length] === '"');
}

for (const f of fields) {
  if (f in LazySocket.prototype) continue;
  Object.defineProperty(LazySocket.prototype, f, { get(this: LazySocket) { return this.whole()[f]; }, enumerable: true });
}

/** A socket as a row of the store. */
export function lazySocket(json: string, frame = 0): Socket { return new LazySocket(json, frame) as unknown as Socket; }

/** The name of a socket's first process. */
export function firstName(s: Socket): string | undefined {
  return s instanceof LazySocket ? s.firstName : s.owners?.[0]?.name;
}
