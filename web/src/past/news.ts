import { el } from "../dom.ts";
import { moment, plain } from "../format.ts";
import type { Mounted, Page, View } from "../interface.ts";
import { PeriodPicker } from "./period.ts";
import { lastSecond, rfc3339 } from "./time.ts";
import { recorded, type Answer, type NewsItem } from "./types.ts";
import { found, kinds, sentences, told } from "./words.ts";

const most = 500; // items that are shown

/** How many of the page's news were there when the view was last looked at. */
const seen = new WeakMap<Page, number>();

/** The view of what is new: programs, listeners and contacts that were never seen before. */
export const newsView: View = {
  name: "new", title: "What is new", full: true,
  offered: recorded,
  count: (page) => page.news.length - Math.min(page.news.length, seen.get(page) ?? 0) || undefined,
  mount: (root, page) => new NewsView(root, page),
};

class NewsView implements Mounted {
  #page: Page;
  #picker: PeriodPicker;
  #kind = el("select", { "aria-label": "Kind" }, el("option", { value: "", text: "All kinds" }),
    ...Object.entries(kinds).map(([value, text]) => el("option", { value, text: `${text}s` })));
  #list = el("ol", { class: "news-list", tabindex: -1, "aria-label": "What is new" });
  #said = el("p", { class: "past-said", role: "status" });
  #items: NewsItem[] = [];
  #asking: AbortController | undefined;
  #offs: (() => void)[] = [];

  constructor(root: HTMLElement, page: Page) {
    this.#page = page;
    this.#picker = new PeriodPicker(page, () => this.#ask());
    this.#kind.value = page.param("kind") ?? "";
    this.#kind.addEventListener("change", () => this.#chooseKind());
    root.append(el("div", { class: "past-view" }, el("div", { class: "past-head" }, this.#kind, this.#picker.element), this.#said, this.#list));
    this.#offs.push(page.on("news", () => this.#came()), page.on("filter", () => this.#ask()));
    seen.set(page, page.news.length);
    this.#ask();
  }

  unmount(): void {
    this.#asking?.abort();
    for (const off of this.#offs) off();
  }

  focus(): void { this.#list.focus(); } // not an input: there the keys of the page have another meaning

  #chooseKind(): void {
    this.#page.setParam("kind", this.#kind.value || undefined);
    this.#ask();
  }

  async #ask(): Promise<void> {
    this.#asking?.abort();
    const { signal } = (this.#asking = new AbortController());
    const p = this.#picker.period;
    const params = { from: rfc3339(p.from), to: lastSecond(p, Date.now()), kind: this.#kind.value, filter: this.#page.filter, limit: most };
    try {
      const a = await this.#page.get<Answer & { news: NewsItem[] }>("/api/history/news", params, signal);
      if (signal.aborted) return;
      this.#items = [...a.news].sort((x, y) => Date.parse(y.time) - Date.parse(x.time));
      this.#draw(a.partial);
    } catch (err) {
      if (!signal.aborted) this.#said.textContent = (err as Error).message;
    }
  }

  /** News that came by the stream is put before what is there. */
  #came(): void {
    const before = Math.min(seen.get(this.#page) ?? 0, this.#page.news.length);
    const fresh = this.#page.news.slice(before) as unknown as NewsItem[];
    seen.set(this.#page, this.#page.news.length);
    const wanted = this.#page.filter ? [] : fresh.filter((n) => !this.#kind.value || n.event === this.#kind.value);
    if (this.#page.filter) void this.#ask();
    this.#items = [...wanted.reverse(), ...this.#items].slice(0, most);
    if (wanted.length) this.#draw([]);
  }

  #draw(partial: string[]): void {
    const none = this.#items.length === 0 ? "Nothing new was seen in this time. What a new history sees first is taken as usual" : "";
    this.#said.textContent = sentences(none, ...partial);
    this.#list.replaceChildren(...this.#items.map((n) => this.#entry(n)));
  }

  #entry(n: NewsItem): HTMLElement {
    const filter = found(n);
    const who = n.owners?.[0];
    const side = [who?.pid && `pid ${who.pid}`, who?.user ?? n.user, n.module, who?.cmdline].filter(Boolean).map((t) => plain(String(t))).join(" · ");
    return el("li", { class: "news-item" },
      el("span", { class: "news-kind", "data-kind": n.event, text: kinds[n.event] ?? plain(n.event) }),
      el("div", { class: "news-text" },
        filter ? el("button", { type: "button", title: "Show what is there of it now", text: told(n), on: { click: () => this.#page.go("connections", filter) } })
          : el("span", { text: told(n) }),
        side && el("span", { class: "news-side", text: side })),
      el("time", { datetime: n.time, text: moment(new Date(n.time)) }));
  }
}
