import type { App } from "../app.ts";
import type { Mounted, RateChart, Table } from "../interface.ts";
import { el } from "../dom.ts";
import { rateChart } from "../charts/index.ts";
import { Facts } from "./facts.ts";

/** A row with rates. */
interface Rated { rx_bytes_per_s?: number; tx_bytes_per_s?: number }

/** How many readings the chart of a row goes back. */
const kept = 300;

export interface PanelOptions<R> {
  title(row: R): string;
  subtitle(row: R): string;
  /** The names of the groups of facts, and what is in them. */
  facts(row: R): Record<string, [string, string | undefined][]>;
  /** What can be done, made once. */
  actions?(row: () => R | undefined): HTMLElement[];
  rates: boolean;
}

/** Fills the panel of a row, and keeps it up to date until the row is gone. */
export function panel<R extends Rated>(root: HTMLElement, app: App, id: string, table: Table<R>, options: PanelOptions<R>): Mounted {
  const p = new Panel(root, app, id, table, options);
  return { unmount: () => p.unmount() };
}

class Panel<R extends Rated> {
  #title = el("h2", { tabindex: -1 });
  #subtitle = el("p", { class: "panel-sub" });
  #gone = el("p", { class: "panel-gone", role: "status", hidden: true, text: "It is gone; this is what was seen last." });
  #facts = new Map<string, Facts>();
  #row: R | undefined;
  #chart: RateChart | null = null;
  #time: number[] = [];
  #rx: number[] = [];
  #tx: number[] = [];
  #actions: HTMLElement[];
  #off: (() => void)[] = [];

  constructor(private readonly root: HTMLElement, private readonly app: App, private readonly id: string, private readonly table: Table<R>, private readonly options: PanelOptions<R>) {
    this.#row = table.rows.get(id);
    const chart = el("div", { class: "panel-chart" });
    this.#actions = options.actions?.(() => this.table.rows.get(id)) ?? [];
    root.append(this.#title, this.#subtitle, this.#gone);
    if (options.rates && !app.past) {
      root.append(chart);
      this.#chart = rateChart(chart, app, { label: "Rates since the details are open", height: 96 });
    }
    if (this.#actions.length) root.append(el("div", { class: "panel-actions" }, ...this.#actions));
    this.#off.push(table.subscribe(() => this.#draw()));
    if (!app.past) this.#off.push(app.on("reading", () => { this.#measure(); this.#draw(); }));
    this.#measure();
    this.#draw();
  }

  unmount(): void {
    this.#off.forEach((off) => off());
    this.#chart?.destroy();
  }

  #measure(): void {
    if (!this.#chart || !this.app.time) return;
    const row = this.table.rows.get(this.id);
    this.#time.push(this.app.time.getTime() / 1000);
    this.#rx.push(row?.rx_bytes_per_s ?? 0);
    this.#tx.push(row?.tx_bytes_per_s ?? 0);
    if (this.#time.length > kept) for (const list of [this.#time, this.#rx, this.#tx]) list.shift();
    this.#chart.set(this.#time, this.#rx, this.#tx);
  }

  #draw(): void {
    const row = this.table.rows.get(this.id);
    this.#gone.hidden = row !== undefined;
    for (const a of this.#actions) a.hidden = row === undefined;
    this.#row = row ?? this.#row;
    if (!this.#row) return;
    const set = (e: HTMLElement, text: string) => { if (e.textContent !== text) e.textContent = text; };
    set(this.#title, this.options.title(this.#row));
    set(this.#subtitle, this.options.subtitle(this.#row));
    for (const [title, list] of Object.entries(this.options.facts(this.#row))) this.#group(title).show(list);
  }

  #group(title: string): Facts {
    let f = this.#facts.get(title);
    if (!f) {
      this.#facts.set(title, f = new Facts(title));
      this.root.append(f.element);
    }
    return f;
  }
}
