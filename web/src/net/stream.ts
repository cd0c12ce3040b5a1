import { address, refusal, type Api, ApiError } from "./api.ts";
import { EventSplitter } from "./sse.ts";

export interface StreamHandlers {
  /** One event of the stream. */
  event(name: string, data: string): void;
  /** The stream is lost, and tried again in so many seconds; or it is there. */
  state(connected: boolean, error?: Error, again?: number): void;
  /** The server refuses what was asked for (a filter, the session): it is not tried again until start(). */
  refused(error: ApiError): void;
}

/** How long to wait before it is tried again, in seconds: longer each time, and never all viewers at once. */
export function backoff(failures: number, random = Math.random()): number {
  return Math.min(30, 0.5 * 2 ** Math.min(failures, 6)) * (0.75 + random / 2);
}

/** How long a server may say nothing, in milliseconds: each reading sends something, and a gap lies between two readings. */
export function patience(gap: number | undefined): number {
  return gap === undefined ? 150_000 : Math.max(15_000, 4 * gap);
}

/**
 * Stream keeps the server's stream open. EventSource cannot send the header of the session, so the stream is read by hand.
 */
export class Stream {
  #abort: AbortController | null = null;
  #failures = 0;

  constructor(private readonly api: Api, private readonly handlers: StreamHandlers) {}

  /** Opens the stream, in place of the one that is open. What it sends first is everything anew. */
  start(topics: string[], filter: string): void {
    this.stop();
    const mine = this.#abort = new AbortController();
    void this.#run(address("api/events", { topics: topics.join(","), filter }), mine);
  }

  stop(): void {
    this.#abort?.abort();
    this.#abort = null;
  }

  async #run(url: string, mine: AbortController): Promise<void> {
    while (!mine.signal.aborted) {
      try {
        await this.#read(url, mine);
      } catch (err) {
        if (mine.signal.aborted) return;
        if (err instanceof ApiError && err.status < 500) return this.handlers.refused(err);
        const wait = backoff(this.#failures++);
        this.handlers.state(false, err as Error, wait);
        await until(wait * 1000, mine.signal);
      }
    }
  }

  async #read(url: string, mine: AbortController): Promise<void> {
    const attempt = new AbortController();
    const end = () => attempt.abort();
    mine.signal.addEventListener("abort", end);
    let gap: number | undefined;
    let last: number | undefined;
    let watchdog = setTimeout(end, patience(gap));
    try {
      const answer = await fetch(url, { headers: this.api.headers(), signal: attempt.signal });
      if (!answer.ok) throw await refusal(answer);
      const events = new EventSplitter((name, data) => {
        if (mine.signal.aborted) return;
        if (name === "hello") { this.#failures = 0; this.handlers.state(true); }
        if (name === "reading") {
          const time = Date.parse((JSON.parse(data) as { time: string }).time);
          if (last !== undefined) gap = time - last;
          last = time;
        }
        this.handlers.event(name, data);
      });
      for (const reader = answer.body!.getReader(); ;) {
        const { value, done } = await reader.read();
        if (done) throw new Error("the server has ended the stream");
        clearTimeout(watchdog);
        watchdog = setTimeout(end, patience(gap));
        events.push(value);
      }
    } finally {
      clearTimeout(watchdog);
      mine.signal.removeEventListener("abort", end);
      attempt.abort();
    }
  }
}

function until(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => { clearTimeout(timer); done(); }, { once: true });
  });
}
