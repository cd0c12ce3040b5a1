import { el } from "../dom.ts";
import { moment } from "../format.ts";
import type { Mounted, Page } from "../interface.ts";
import { toSocket } from "./life.ts";
import { rfc3339, share, ticks, toInput, type Period } from "./time.ts";
import { counted, sentences } from "./words.ts";
import { Track } from "./track.ts";
import { recorded, type Answer, type Life, type Span } from "./types.ts";

/** The lengths of time that the slider spans, in seconds; 0 is all that is recorded. */
const lengths: [seconds: number, text: string][] = [[600, "10 min"], [3600, "1 hour"], [86400, "1 day"], [7 * 86400, "1 week"], [31 * 86400, "1 month"], [0, "All"]];

const parts = 300; // places of the slider: an arrow key goes one on
const pause = 150; // milliseconds that the slider rests before the server is asked
const refresh = 15_000; // milliseconds between looks at what is recorded
const most = 20_000; // rows that are shown

/** The time slider under the filter, for views of sockets. It stays empty where nothing is recorded, or without the token. */
export function slider(root: HTMLElement, page: Page): Mounted {
  const bar = new Slider(root, page);
  return { unmount: () => bar.destroy() };
}

class Slider {
  #page: Page;
  #box = el("div", { class: "past-bar", role: "group", "aria-label": "Time that is shown", hidden: true });
  #live = el("button", { type: "button", class: "past-choice past-live", text: "Live", on: { click: () => this.#goLive() } });
  #range = el("input", { type: "range", class: "past-range", min: 0, max: parts, step: 1, "aria-label": "Time" });
  #track = new Track();
  #when = el("input", { type: "datetime-local", class: "past-when", step: 1, "aria-label": "Exact time", hidden: true });
  #pick = el("button", { type: "button", class: "quiet", text: "Go to a time", on: { click: () => this.#typing() } });
  #length = el("select", { class: "past-length", "aria-label": "Length of the slider" });
  #said = el("p", { class: "past-said", role: "status", hidden: true });
  #span: Span | undefined;
  #window: Period = { from: 0, to: 0 };
  #at: number | undefined; // undefined is now
  #asking: AbortController | undefined;
  #timer = 0;
  #pending = false; // the server is asked, or will be
  #clock: number;
  #offs: (() => void)[] = [];

  constructor(root: HTMLElement, page: Page) {
    this.#page = page;
    for (const [seconds, text] of lengths) this.#length.append(el("option", { value: seconds, text }));
    this.#length.value = page.param("slider") ?? "3600";
    if (!this.#length.value) this.#length.value = "3600";
    this.#box.append(this.#live, el("div", { class: "past-rail" }, this.#track.element, this.#range), this.#pick, this.#when, this.#length);
    root.append(this.#box, this.#said);
    this.#range.addEventListener("input", () => this.#moved());
    this.#when.addEventListener("change", () => this.#typed());
    this.#length.addEventListener("change", () => this.#resized());
    this.#offs.push(page.on("status", () => this.#look()), page.on("filter", () => this.#again()), page.on("past", () => this.#told()));
    this.#clock = window.setInterval(() => this.#look(), refresh);
    this.#at = page.past ? +page.past.at : undefined;
    this.#look();
  }

  destroy(): void {
    clearInterval(this.#clock);
    clearTimeout(this.#timer);
    this.#asking?.abort();
    for (const off of this.#offs) off();
  }

  /** Asks what is recorded. A server that is older, or records nothing, has no past. */
  async #look(): Promise<void> {
    if (document.hidden && this.#span) return;
    try {
      this.#span = recorded(this.#page) ? await this.#page.get<Span>("/api/history/span") : undefined;
    } catch {
      // What was known stays: the server is away, and the page says so elsewhere.
    }
    this.#show();
  }

  #show(): void {
    const span = this.#span;
    this.#box.hidden = !span?.from;
    if (!span?.from) return;
    const whole = { from: Date.parse(span.from), to: Date.now() };
    const seconds = Number(this.#length.value);
    // While the past is looked at its window stays: the handle must not move under the hand.
    if (this.#at === undefined) this.#window = { from: seconds ? whole.to - seconds * 1000 : whole.from, to: whole.to };
    else if (this.#at < this.#window.from || this.#at > this.#window.to) this.#around(this.#at, seconds * 1000 || whole.to - whole.from);
    this.#track.draw(this.#window, span, ticks(this.#window, Math.max(2, Math.floor(this.#track.width / 80))));
    this.#place();
  }

  #around(at: number, length: number): void {
    const to = Math.min(at + length / 2, Date.now());
    this.#window = { from: to - length, to };
  }

  /** Puts the controls where the time is. */
  #place(): void {
    const at = this.#at ?? this.#window.to;
    this.#range.value = String(Math.round(share(at, this.#window) * parts));
    this.#range.setAttribute("aria-valuetext", this.#at === undefined ? "now" : moment(new Date(at)));
    this.#live.setAttribute("aria-pressed", String(this.#at === undefined));
    if (document.activeElement !== this.#when) {
      this.#when.value = this.#at === undefined ? "" : toInput(at);
      this.#when.hidden = this.#at === undefined;
      this.#pick.hidden = this.#at !== undefined;
    }
    this.#box.classList.toggle("past", this.#at !== undefined);
  }

  #moved(): void {
    const n = Number(this.#range.value);
    if (n >= parts) return this.#goLive();
    this.#go(this.#window.from + ((this.#window.to - this.#window.from) * n) / parts);
  }

  /** Lets a time be typed in. */
  #typing(): void {
    this.#when.value = toInput(this.#window.to);
    this.#when.hidden = false;
    this.#pick.hidden = true;
    this.#when.focus();
  }

  #typed(): void {
    const at = new Date(this.#when.value).getTime();
    if (Number.isNaN(at) || at >= Date.now()) return this.#goLive();
    this.#go(at);
    this.#show();
  }

  #resized(): void {
    this.#page.setParam("slider", this.#length.value === "3600" ? undefined : this.#length.value);
    const seconds = Number(this.#length.value);
    const length = seconds * 1000 || Date.now() - Date.parse(this.#span!.from!);
    if (this.#at !== undefined) this.#around(this.#at, length);
    this.#show();
  }

  #goLive(): void {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#pending = false;
    this.#at = undefined;
    this.#page.live();
    this.#show();
    this.#told();
  }

  /** Shows a moment, once the slider rests. */
  #go(at: number): void {
    this.#at = Math.floor(at / 1000) * 1000;
    this.#place();
    clearTimeout(this.#timer);
    this.#pending = true;
    this.#timer = window.setTimeout(() => this.#ask(), pause);
  }

  #again(): void {
    if (this.#at !== undefined) this.#go(this.#at);
  }

  async #ask(): Promise<void> {
    const at = this.#at;
    if (at === undefined) return;
    this.#asking?.abort();
    const { signal } = (this.#asking = new AbortController());
    const params = { at: rfc3339(at), filter: this.#page.filter, limit: most };
    try {
      const [open, listening] = await Promise.all([
        this.#page.get<Answer & { connections: Life[] }>("/api/history/connections", params, signal),
        this.#page.get<Answer & { listeners: Life[] }>("/api/history/listeners", params, signal),
      ]);
      if (signal.aborted) return;
      this.#pending = false;
      const rows = [...listening.listeners, ...open.connections];
      this.#page.showPast(new Date(at), rows.map(toSocket));
      this.#tell(at, rows.length, [...new Set([...open.partial, ...listening.partial])]);
    } catch (err) {
      if (signal.aborted) return;
      this.#pending = false;
      this.#say((err as Error).message);
    }
  }

  #tell(at: number, rows: number, partial: string[]): void {
    const when = moment(new Date(at));
    const what = rows === 0 ? `Nothing is known of ${when}` : `${counted(rows, "sockets")} as of ${when}. Bytes are those of ${rows === 1 ? "its" : "their"} whole life`;
    this.#say(sentences(what, ...partial));
  }

  /** Someone else may have gone back to the present. */
  #told(): void {
    if (this.#page.past || this.#pending) return;
    this.#at = undefined;
    this.#say("");
    this.#place();
  }

  #say(text: string): void {
    this.#said.textContent = text;
    this.#said.hidden = !text;
  }
}
