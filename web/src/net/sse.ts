const lineFeed = 10;

/**
 * Splits a stream of server-sent events (HTML standard, "Server-sent events") as our server writes them: UTF-8, ended by \n, one line
 * of data. Bytes are decoded once, when an event is whole: a long one comes in a hundred pieces.
 */
export class EventSplitter {
  #parts: Uint8Array[] = []; // of an event that is not whole
  #ended = false; // they end with a line feed
  #call: (name: string, data: string) => void;
  #decoder = new TextDecoder();

  constructor(call: (name: string, data: string) => void) { this.#call = call; }

  /** Takes the next piece, which may end anywhere. */
  push(bytes: Uint8Array): void {
    let from = 0;
    for (let at = 0; (at = bytes.indexOf(lineFeed, at)) >= 0; at++) {
      if (!(at > 0 ? bytes[at - 1] === lineFeed : this.#ended)) continue;
      this.#end(bytes.subarray(from, at + 1));
      from = at + 1;
    }
    this.#ended = bytes.length === 0 ? this.#ended : from < bytes.length && bytes[bytes.length - 1] === lineFeed;
    if (from < bytes.length) this.#parts.push(bytes.subarray(from));
  }

  #end(last: Uint8Array): void {
    const parts = [...this.#parts, last];
    this.#parts = [];
    this.#ended = false;
    const text = this.#decoder.decode(parts.length === 1 ? last : joined(parts));
    let name = "message";
    let data = "";
    for (let from = 0; from < text.length;) {
      const end = text.indexOf("\n", from);
      const line = text.slice(from, end < 0 ? text.length : end);
      if (line.startsWith("event: ")) name = line.slice(7);
      else if (line.startsWith("data: ")) data = line.slice(6);
      from = end < 0 ? text.length : end + 1;
    }
    if (data) this.#call(name, data);
  }
}

function joined(parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}
