import { el } from "../dom.ts";
import { moment } from "../format.ts";
import { share, type Period, type Tick } from "./time.ts";
import type { Span } from "./types.ts";

/** What lies under the slider: the times that were recorded, what is missing, and the hours. */
export class Track {
  readonly element = el("div", { class: "past-track", "aria-hidden": "true" });
  #sessions = el("div", { class: "past-sessions" });
  #ticks = el("div", { class: "past-ticks" });

  constructor() { this.element.append(this.#sessions, this.#ticks); }

  get width(): number { return this.element.clientWidth || 600; }

  draw(window: Period, span: Span, ticks: Tick[]): void {
    const marks: HTMLElement[] = [];
    for (const s of span.sessions) {
      const mark = this.#mark("past-session", window, Date.parse(s.from), Date.parse(s.to));
      if (mark) marks.push(mark);
    }
    for (const g of span.gaps) {
      const at = Date.parse(g.time);
      const mark = this.#mark("past-gap", window, at, at);
      if (!mark) continue;
      mark.title = `${moment(new Date(at))}: ${g.lost ? `${g.lost} events were lost` : "something is missing"} (${g.why})`;
      marks.push(mark);
    }
    this.#sessions.replaceChildren(...marks);
    this.#ticks.replaceChildren(...ticks.map(({ at, text }) => {
      const tick = el("span", { class: "past-tick", text });
      tick.style.left = percent(share(at, window));
      return tick;
    }));
  }

  #mark(name: string, window: Period, from: number, to: number): HTMLElement | undefined {
    if (!(to >= window.from && from <= window.to)) return undefined;
    const mark = el("div", { class: name });
    mark.style.left = percent(share(from, window));
    mark.style.width = percent(share(to, window) - share(from, window));
    return mark;
  }
}

function percent(x: number): string { return `${(x * 100).toFixed(2)}%`; }
