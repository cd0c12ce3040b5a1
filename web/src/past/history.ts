import { rateChart } from "../charts/index.ts";
import { el } from "../dom.ts";
import { count } from "../format.ts";
import type { Mounted, Page, RateChart, View } from "../interface.ts";
import { groupColumns, lifeColumns, listenerColumns } from "./columns.ts";
import { PeriodPicker } from "./period.ts";
import { Sheet, type Column } from "./sheet.ts";
import { lastSecond, rfc3339, type Period } from "./time.ts";
import { recorded, type Answer, type Group, type Life, type Slot, type Way } from "./types.ts";
import { line } from "./slots.ts";
import { counted, groupName, sentences, within } from "./words.ts";

/** What is asked, as the address has it in `by`, in the order in which it is offered. */
const questions: Record<string, string> = {
  process: "Processes", host: "Hosts", country: "Countries", port: "Ports", day: "Days", unit: "Units", connections: "Connections",
  listeners: "Listened", gone: "Listens no more",
};

/** What a click on a group asks next. */
const next: Partial<Record<Way, string>> = { process: "host", unit: "host", host: "connections", country: "host", port: "process", day: "process" };

const most = 1000; // rows that are asked for

/** The view of the history: sums, connections that were, what listened. */
export const historyView: View = {
  name: "history", title: "History", full: true,
  offered: recorded,
  mount: (root, page) => new HistoryView(root, page),
};

class HistoryView implements Mounted {
  #page: Page;
  #picker: PeriodPicker;
  #choices = el("div", { class: "past-questions", role: "group", "aria-label": "Question" });
  #filter = el("p", { class: "past-filter", hidden: true });
  #said = el("p", { class: "past-said", role: "status" });
  #chartBox = el("div", { class: "past-chart" });
  #chart: RateChart | undefined;
  #sheet = new Sheet<any>();
  #asking: AbortController | undefined;
  #offs: (() => void)[] = [];

  constructor(root: HTMLElement, page: Page) {
    this.#page = page;
    this.#picker = new PeriodPicker(page, () => this.#ask());
    root.append(el("div", { class: "past-view" },
      el("div", { class: "past-head" }, this.#choices, this.#picker.element), this.#chartBox, this.#filter, this.#said, this.#sheet.element));
    this.#offs.push(page.on("filter", () => this.#ask()));
    this.#ask();
  }

  unmount(): void {
    this.#asking?.abort();
    this.#chart?.destroy();
    for (const off of this.#offs) off();
  }

  focus(): void { this.#choices.querySelector<HTMLElement>("[aria-pressed=true]")?.focus(); }

  get #question(): string {
    const by = this.#page.param("by") ?? "process";
    return Object.hasOwn(questions, by) ? by : "process";
  }

  #choose(question: string): void {
    this.#page.setParam("by", question === "process" ? undefined : question);
    this.#ask();
    this.focus();
  }

  /** Asks the server, and shows what it says unless something else was asked meanwhile. */
  async #ask(): Promise<void> {
    this.#asking?.abort();
    const { signal } = (this.#asking = new AbortController());
    this.#offer();
    const period = this.#picker.period;
    const time = { from: rfc3339(period.from), to: lastSecond(period, Date.now()) };
    this.#sheet.element.setAttribute("aria-busy", "true");
    try {
      await Promise.all([this.#rates(period, time, signal), this.#answer(time, signal)]);
    } catch (err) {
      if (!signal.aborted) this.#sheet.say((err as Error).message);
    }
    if (!signal.aborted) this.#sheet.element.removeAttribute("aria-busy");
  }

  #offer(): void {
    const now = this.#question;
    this.#choices.replaceChildren(...Object.entries(questions).map(([name, text]) =>
      el("button", { type: "button", class: "past-choice", "aria-pressed": String(name === now), text, on: { click: () => this.#choose(name) } })));
    const filter = this.#page.filter;
    this.#filter.hidden = !filter;
    this.#filter.replaceChildren("Only ", el("code", { text: filter }), " ",
      el("button", { type: "button", class: "link", text: "Show all", on: { click: () => { this.#page.filter = ""; } } }));
  }

  async #rates(period: Period, time: { from: string; to: string | undefined }, signal: AbortSignal): Promise<void> {
    const { interfaces } = await this.#page.get<Answer & { interfaces: Slot[] }>("/api/history/interfaces", time, signal);
    if (signal.aborted) return;
    const { at, rx, tx } = line(interfaces.filter((s) => s.total));
    this.#chart?.destroy();
    this.#chart = rateChart(this.#chartBox, this.#page, {
      label: "All interfaces", height: 140, stepped: true, from: period.from / 1000, to: period.to / 1000,
      chosen: (from, to) => this.#picker.set({ from: Math.floor(from) * 1000, to: Math.ceil(to) * 1000 }),
    });
    this.#chart.set(at, rx, tx);
  }

  async #answer(time: { from: string; to: string | undefined }, signal: AbortSignal): Promise<void> {
    const question = this.#question;
    const params = { ...time, filter: this.#page.filter, limit: most };
    if (question === "listeners" || question === "gone") {
      const a = await this.#page.get<Answer & { listeners: Life[] }>("/api/history/listeners", { ...params, gone: question === "gone" || undefined }, signal);
      return this.#show(signal, a, listenerColumns, a.listeners, "listeners");
    }
    if (question === "connections") {
      const a = await this.#page.get<Answer & { connections: Life[] }>("/api/history/connections", params, signal);
      return this.#show(signal, a, lifeColumns, a.connections, "connections");
    }
    const a = await this.#page.get<Answer & { groups: Group[] }>("/api/history/groups", { ...params, by: question }, signal);
    const columns = groupColumns(questions[question]!, a.groups, (g) => this.#follow(g));
    this.#show(signal, a, columns, a.groups, questions[question]!.toLowerCase());
  }

  #show<R>(signal: AbortSignal, a: Answer, columns: Column<R>[], rows: R[], what: string): void {
    if (signal.aborted) return;
    if (rows.length === 0) this.#sheet.say("Nothing of that kind was recorded in this time.");
    else this.#sheet.set(questions[this.#question]!, columns, rows);
    const number = rows.length >= most ? `The first ${count(most)} ${what}` : counted(rows.length, what);
    this.#said.textContent = sentences(number, ...a.partial);
  }

  /** What a click on a group does: it asks what is in there. */
  #follow(g: Group): (() => void) | undefined {
    const then = next[g.by];
    if (!then || g.key === undefined) return undefined;
    if (g.by === "day") return () => { this.#page.setParam("by", undefined); this.#picker.set(dayOf(g.key!)); };
    const filter = within(this.#page.filter, g);
    if (!filter) return undefined;
    return () => {
      this.#page.setParam("by", then === "process" ? undefined : then);
      if (this.#page.filter === filter) void this.#ask();
      else this.#page.filter = filter;
      this.#page.say(`${questions[then]} of ${groupName(g)}`);
    };
  }
}

/** A day of the viewer's zone. */
function dayOf(key: string): Period {
  const [y, m, d] = key.split("-").map(Number);
  return { from: +new Date(y!, m! - 1, d!), to: +new Date(y!, m! - 1, d! + 1) };
}
