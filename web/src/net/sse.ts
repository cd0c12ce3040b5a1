/** Splits a stream of server-sent events (HTML standard, "Server-sent events") as our server writes them: \n, one data line. */
export class EventSplitter {
  #parts: string[] = []; // of an event that is not whole, so that a long one is not copied with each piece
  #call: (name: string, data: string) => void;

  constructor(call: (name: string, data: string) => void) { this.#call = call; }

  /** Takes the next piece of text, which may end anywhere. */
  push(text: string): void {
    // The two line feeds may come in different pieces.
    if (text.startsWith("\n") && this.#parts.at(-1)?.endsWith("\n")) {
      this.#end("");
      text = text.slice(1);
    }
    let from = 0;
    for (let at; (at = text.indexOf("\n\n", from)) >= 0; from = at + 2) this.#end(text.slice(from, at));
    if (from < text.length) this.#parts.push(text.slice(from));
  }

  #end(last: string): void {
    this.#parts.push(last);
    const text = this.#parts.join("");
    this.#parts = [];
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
