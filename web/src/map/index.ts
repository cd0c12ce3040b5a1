import "./map.css";
import { el } from "../dom.ts";
import { bytes, count, plain, rate } from "../format.ts";
import type { Mounted, Page, Socket, View } from "../interface.ts";
import { Chart } from "./chart.ts";
import { narrow, quoted, sumPlaces, type Country, type Nowhere, type Spot, type Sum, type World } from "./places.ts";
import world from "./world.json";

/** The world with the remote ends of the connections that the filter lets through. */
export const mapView: View = {
  name: "map", title: "Map",
  mount: (root, page) => new MapView(root, page),
};

const centres: Record<string, number[]> = world.centre;

/** How dots are sized, as the address has it in `by`. */
const ways: Record<string, (s: Sum) => number> = { connections: (s) => s.connections, rate: (s) => s.rate, bytes: (s) => s.bytes };

class MapView implements Mounted {
  #page: Page;
  #chart: Chart;
  #list = el("ol", { class: "map-list", "aria-label": "Countries by connections" });
  #lost = el("ul", { class: "map-list map-nowhere", "aria-label": "Connections without a place" });
  #note = el("p", { class: "map-note" });
  #items = new Map<string, Item>();
  #end: (() => void)[] = [];
  #source: (() => void) | undefined;
  #way: string;

  constructor(root: HTMLElement, page: Page) {
    this.#page = page;
    this.#way = page.param("by") ?? "connections";
    if (!Object.hasOwn(ways, this.#way)) this.#way = "connections";
    this.#chart = new Chart((s) => this.#choose(s.iso));
    root.append(el("div", { class: "map-view" },
      el("div", { class: "map-stage" }, this.#switch(), this.#chart.element),
      el("div", { class: "map-side" }, el("h2", { text: "Countries" }), this.#list, el("h2", { text: "Not on the map" }), this.#lost, this.#note)));
    this.#end.push(page.on("past", () => this.#follow()), page.on("status", () => this.#draw()));
    this.#follow();
  }

  unmount(): void {
    this.#source?.();
    for (const off of this.#end) off();
    this.#chart.destroy();
  }

  /** Follows the table of sockets: that of now, or that of then. */
  #follow(): void {
    this.#source?.();
    this.#source = this.#page.past ? undefined : this.#page.tables.sockets.subscribe(() => this.#draw());
    this.#draw();
  }

  #rows(): Iterable<Socket> {
    const past = this.#page.past as { sockets?: { rows: ReadonlyMap<string, Socket> } } | null;
    return (past?.sockets ?? this.#page.tables.sockets).rows.values();
  }

  #draw(): void {
    const sums = sumPlaces(this.#rows(), centres);
    this.#chart.draw(sums.spots, new Set(sums.countries.map((c) => c.iso)), ways[this.#way]!);
    this.#chart.describe(inWords(sums));
    this.#fill(this.#list, sums.countries.map((c) => [`c ${c.key}`, c, plain(c.name) || c.iso, () => this.#choose(c.iso)]));
    this.#fill(this.#lost, sums.nowhere.map((n) => [`n ${n.key}`, n, nowhereName(n), n.special ? () => this.#chooseRange(n.special) : undefined]));
    this.#note.textContent = this.#missing(sums);
  }

  /** What there is to say where the map is empty. */
  #missing({ spots, nowhere }: World): string {
    if (this.#page.status?.places === false) return "There is no database of places on this machine. sockeye geo update fetches one.";
    if (spots.length === 0 && nowhere.length === 0) return "There are no connections to remote hosts.";
    return nowhere.length === 0 ? "Every connection is on the map." : "";
  }

  /** Keeps the entries that are there, so that focus and hover stay where they are. */
  #fill(list: HTMLElement, entries: [key: string, sum: Sum, name: string, choose: (() => void) | undefined][]): void {
    const most = entries.reduce((m, [, s]) => Math.max(m, s.connections), 1);
    const here = new Set(entries.map(([key]) => key));
    for (const [key, item] of this.#items) {
      if (item.list !== list || here.has(key)) continue;
      item.element.remove();
      this.#items.delete(key);
    }
    entries.forEach(([key, sum, name, choose], i) => {
      let item = this.#items.get(key);
      if (!item) this.#items.set(key, item = new Item(list, name, choose));
      item.set(sum, most);
      if (list.children[i] !== item.element) list.insertBefore(item.element, list.children[i] ?? null);
    });
  }

  #choose(iso: string): void {
    if (iso) this.#narrow(`country = ${quoted(iso)}`);
  }

  #chooseRange(name: string): void { this.#narrow(`special = ${quoted(name)}`); }

  #narrow(term: string): void {
    const before = this.#page.filter;
    this.#page.filter = narrow(before, term);
    if (this.#page.filter !== before) this.#page.say(`Filter: ${this.#page.filter}`);
  }

  #switch(): HTMLElement {
    const box = el("fieldset", { class: "map-switch" }, el("legend", { class: "visually-hidden", text: "Size of the dots" }));
    for (const [way, text] of [["connections", "Connections"], ["rate", "Rate"], ["bytes", "Bytes"]] as const) {
      const input = el("input", { type: "radio", name: "map-by", value: way, on: { change: () => this.#size(way) } });
      input.checked = way === this.#way;
      box.append(el("label", {}, input, el("span", { text })));
    }
    return box;
  }

  #size(way: string): void {
    this.#way = way;
    this.#page.setParam("by", way === "connections" ? undefined : way);
    this.#draw();
  }
}

/** An entry of the lists. */
class Item {
  readonly element: HTMLLIElement;
  #number = el("span", { class: "map-number" });
  #more = el("span", { class: "map-more" });
  #bar = el("span", { class: "map-bar", "aria-hidden": "true" });

  constructor(readonly list: HTMLElement, name: string, choose: (() => void) | undefined) {
    const parts = [el("span", { class: "map-name", text: name }), this.#number, this.#more, this.#bar];
    this.element = el("li", {}, choose
      ? el("button", { type: "button", title: `Show only ${name}`, on: { click: choose } }, ...parts)
      : el("div", { class: "map-entry" }, ...parts));
  }

  set(s: Sum, most: number): void {
    write(this.#number, count(s.connections));
    write(this.#more, inShort(s));
    const share = `${((100 * s.connections) / most).toFixed(1)}%`;
    if (this.#bar.style.width !== share) this.#bar.style.width = share;
  }
}

function write(e: HTMLElement, text: string): void {
  if (e.textContent !== text) e.textContent = text;
}

function inShort(s: Sum): string {
  return [`${count(s.hosts)} ${s.hosts === 1 ? "host" : "hosts"}`, rate(s.rate) || (s.bytes ? bytes(s.bytes) : "")].filter(Boolean).join(" · ");
}

function nowhereName({ special }: Nowhere): string {
  return special ? plain(special) : "No database knows them";
}

/** The map in a sentence, for who does not see it. */
function inWords({ countries, nowhere }: World): string {
  if (countries.length === 0) return "Map of the world, without a connection on it";
  const n = countries.reduce((sum, c) => sum + c.connections, 0);
  const first = countries.slice(0, 3).map((c: Country) => `${plain(c.name) || c.iso} ${count(c.connections)}`).join(", ");
  const lost = nowhere.reduce((sum, c) => sum + c.connections, 0);
  return `Map of the world: ${count(n)} connections to ${count(countries.length)} countries, most of them to ${first}`
    + (lost ? `; ${count(lost)} are not on the map` : "");
}

export type { Spot };
