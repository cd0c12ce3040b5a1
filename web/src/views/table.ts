import type { App } from "../app.ts";
import type { Mounted, Page, Table, View } from "../interface.ts";
import type { Column } from "../grid/column.ts";
import { Grid, narrow } from "../grid/grid.ts";
import { el, icon } from "../dom.ts";
import { count } from "../format.ts";
import { icons } from "../shell/icons.ts";
import { menu } from "../shell/menu.ts";
import { findBox, filterBox } from "../shell/filter.ts";
import { copyText, csv, download, lines, text } from "./export.ts";
import { showAt } from "./sockets.ts";
import { slider } from "../past/index.ts";

/** What is different from table to table. */
export interface TableView<R> {
  name: string;
  title: string;
  full?: boolean;
  one: string; // what a row is: connection
  noun: string; // what rows are: connections
  columns: Column<R>[];
  sort: string; // the column, with - before it where what is much comes first
  sockets?: boolean; // it has the filter of the server, and a past
  table(app: App): Table<R>;
  shows?(row: R): boolean;
  count?(app: App): number; // how many of the present it shows; absent is all
  dim?(row: R): boolean;
  empty(app: App): string;
  /** Fills the panel of a row, and gets a way to read the row anew. */
  details(panel: HTMLElement, app: App, id: string, table: Table<R>): Mounted;
}

/** Makes a view of a table. */
export function tableView<R>(of: TableView<R>): View {
  return {
    name: of.name, title: of.title, ...(of.full ? { full: true } : {}),
    count: (page: Page) => of.count?.(page as App) ?? of.table(page as App).rows.size,
    mount: (root: HTMLElement, page: Page) => new TablePage(of, root, page as App),
  };
}

class TablePage<R> implements Mounted {
  #grid: Grid<R>;
  #count = el("span", { class: "count", "aria-live": "off" });
  #panel = el("aside", { class: "panel", hidden: true, "aria-label": "Details" });
  #details: Mounted | null = null;
  #opened: string | null = null;
  #find = "";
  #box: Mounted;
  #slider: Mounted | null = null;
  #off: (() => void)[] = [];
  #covers = false;
  #hold = el("button", { type: "button", class: "quiet", "aria-pressed": "false", title: "Hold the order still (p)", on: { click: () => this.#toggleHold() } }, icon(icons.pause), el("span", { text: "Hold" }));

  constructor(private readonly of: TableView<R>, root: HTMLElement, private readonly app: App) {
    const { column, sign } = this.#sort();
    this.#grid = new Grid<R>({
      label: of.title, columns: this.#chosen(), all: !!app.param("columns"), sort: { column, sign }, empty: () => this.#empty(), shows: (row) => this.#shows(row),
      sorted: (c, s) => this.#sortBy(c, s), open: (id) => this.#open(id), counted: () => this.#tellCount(), ...(of.dim ? { dim: of.dim } : {}),
    });
    const tools = el("div", { class: "tools" });
    const past = el("div", { class: "past-slot" });
    root.append(tools, past, el("div", { class: "split" }, this.#grid.element, this.#panel));
    this.#box = this.#findIn(tools);
    tools.append(this.#count, this.#buttons());
    if (of.sockets) this.#slider = slider(past, app);
    this.#off.push(app.on("reading", () => this.#grid.draw()), app.on("past", () => this.#show()), app.on("connection", () => this.#grid.draw()),
      app.on("status", () => this.#grid.setColumns(this.#chosen(), !!this.app.param("columns"))));
    addEventListener("popstate", this.#back);
    this.#show();
  }

  // On a narrow screen the details cover all, and the way back leads to the table.
  #back = () => { this.#covers = false; this.#close(); };

  unmount(): void {
    removeEventListener("popstate", this.#back);
    this.#close();
    this.#grid.destroy();
    this.#box.unmount();
    this.#slider?.unmount();
    this.#off.forEach((off) => off());
  }

  focus(): void { this.#grid.element.focus(); }

  key(e: KeyboardEvent): boolean {
    if (e.key === "/") this.#box.focus!();
    else if (e.key === "Escape" && this.#opened) this.#close(true);
    else if (e.key === "c" && this.#row()) this.#copyRow();
    else if (e.key === "p") this.#toggleHold();
    else if (document.activeElement === document.body && this.#grid.key(e)) this.focus();
    else return this.#details?.key?.(e) ?? false;
    return true;
  }

  #table(): Table<R> {
    const past = this.of.sockets ? this.app.past : null;
    return past ? past.sockets as unknown as Table<R> : this.of.table(this.app);
  }

  #show(): void {
    this.#close();
    showAt(this.of.sockets ? this.app.past?.at ?? null : null);
    this.#grid.setColumns(this.#chosen(), !!this.app.param("columns"));
    this.#grid.show(this.#table());
  }

  #shows(row: R): boolean {
    if (this.of.shows && !this.of.shows(row)) return false;
    return this.#find === "" || this.of.columns.some((c) => `${c.text(row)} ${c.sub?.(row) ?? ""}`.toLowerCase().includes(this.#find));
  }

  #findIn(tools: HTMLElement): Mounted {
    if (this.of.sockets) return filterBox(tools, this.app);
    this.#find = (this.app.param("find") ?? "").toLowerCase();
    return findBox(tools, `Find in ${this.of.noun}`, this.#find, (value) => {
      this.#find = value.trim().toLowerCase();
      this.app.setParam("find", this.#find || undefined);
      this.#grid.refilter();
    });
  }

  #sort(): { column: Column<R>; sign: 1 | -1 } {
    const text = this.app.param("sort") ?? this.of.sort;
    const column = this.of.columns.find((c) => c.name === text.replace(/^-/, ""));
    return column ? { column, sign: text.startsWith("-") ? -1 : 1 } : { column: this.of.columns[0]!, sign: 1 };
  }

  #sortBy(c: Column<R>, sign: 1 | -1): void {
    const name = (sign < 0 ? "-" : "") + c.name;
    this.app.setParam("sort", name === this.of.sort ? undefined : name);
    this.#grid.sortBy(c, sign);
    this.app.say(`sorted by ${c.title}, ${sign < 0 ? "downwards" : "upwards"}`);
  }

  // The columns of the address, or those that are not hidden; of these, only what the viewer may see.
  #chosen(): Column<R>[] {
    const names = this.app.param("columns")?.split(",");
    if (names) return this.of.columns.filter((c) => names.includes(c.name));
    const past = this.of.sockets && this.app.past; // which has no rates
    return this.of.columns.filter((c) => !(past && (c.name === "rx" || c.name === "tx"))).filter((c) => (!c.hidden || c.instead && !this.app.full) && (this.app.full || !c.full) && (this.app.status?.places !== false || c.name !== "place" && c.name !== "provider"));
  }

  #buttons(): HTMLElement {
    const columns = menu("Columns", icons.columns, () => this.of.columns.filter((c) => this.app.full || !c.full).map((c) => ({
      text: c.title, hint: c.hint, checked: this.#grid.columns.includes(c), keep: true, pick: () => this.#toggle(c),
    })));
    const sort = menu("Sort", icons.sort, () => this.#grid.columns.map((c) => ({
      text: c.title, hint: c.hint, checked: this.#sort().column === c, pick: () => this.#sortBy(c, this.#sort().column === c ? -this.#sort().sign as 1 | -1 : c.downwards ? -1 : 1),
    })));
    sort.classList.add("narrow-only");
    const save = menu("Export", icons.download, () => [
      { text: "Save as CSV", hint: "the columns that are shown", pick: () => this.#save("csv") },
      { text: "Save as JSON", hint: "all fields of the rows", pick: () => this.#save("json") },
      { text: "Copy as text", hint: "what is shown, with tabs between", pick: () => void this.#copy(text(this.#grid.columns, this.#grid.rows), this.#rows()) },
      { text: "Copy as JSON lines", hint: "an object a line", pick: () => void this.#copy(lines(this.#grid.rows), this.#rows()) },
    ]);
    return el("div", { class: "buttons" }, sort, this.#hold, columns, save);
  }

  #toggleHold(): void {
    const held = !this.#grid.held;
    this.#grid.held = held;
    this.#hold.setAttribute("aria-pressed", String(held));
    this.#hold.replaceChildren(icon(held ? icons.play : icons.pause), el("span", { text: held ? "Held" : "Hold" }));
    this.app.say(held ? "the order is held; numbers go on" : "the order follows again");
  }

  #toggle(c: Column<R>): void {
    const shown = new Set(this.#grid.columns);
    if (!shown.delete(c)) shown.add(c);
    if (shown.size === 0) return;
    const chosen = this.of.columns.filter((x) => shown.has(x));
    this.app.setParam("columns", undefined);
    const usual = this.#chosen();
    if (chosen.length !== usual.length || chosen.some((x, i) => x !== usual[i])) this.app.setParam("columns", chosen.map((x) => x.name).join(","));
    this.#grid.setColumns(chosen, !!this.app.param("columns"));
  }

  #save(kind: "csv" | "json"): void {
    const name = `sockeye-${this.of.name}-${(this.app.past?.at ?? this.app.time ?? new Date()).toISOString().slice(0, 19).replaceAll(":", "")}`;
    if (kind === "csv") download(`${name}.csv`, "text/csv", csv(this.#grid.columns, this.#grid.rows));
    else download(`${name}.json`, "application/json", JSON.stringify(this.#grid.rows, null, 1));
  }

  async #copy(what: string, name: string): Promise<void> {
    this.app.say(await copyText(what) ? `${name} copied` : "the browser does not let this page copy");
  }

  #rows(): string { return `${count(this.#grid.size)} ${this.#grid.size === 1 ? "row" : "rows"}`; }

  #row(): R | undefined { return this.#grid.active ? this.#table().rows.get(this.#grid.active) : undefined; }

  #copyRow(): void {
    const row = this.#row();
    if (row) void this.#copy(text(this.#grid.columns, [row]).split("\n")[1] ?? "", "the row is");
  }

  #open(id: string): void {
    if (this.#opened === id) return;
    if (narrow.matches && !this.#covers) history.pushState(null, "", location.hash || "#");
    this.#covers ||= narrow.matches;
    this.#details?.unmount();
    this.#panel.replaceChildren();
    this.#opened = id;
    this.#panel.hidden = false;
    const body = el("div", { class: "panel-body" });
    this.#panel.append(el("button", { type: "button", class: "quiet panel-close", "aria-label": "Close the details", title: "Close (Esc)", on: { click: () => this.#close(true) } }, icon(icons.close)), body);
    this.#details = this.of.details(body, this.app, id, this.#table());
    this.#grid.setOpened(id);
    document.body.classList.add("with-panel");
  }

  #close(refocus = false): void {
    if (!this.#opened) return;
    if (this.#covers && refocus) return history.back(); // which comes back here
    this.#covers = false;
    this.#details?.unmount();
    this.#details = null;
    this.#opened = null;
    this.#panel.hidden = true;
    this.#panel.replaceChildren();
    document.body.classList.remove("with-panel");
    this.#grid.setOpened(null);
    if (refocus) this.#grid.element.focus();
  }

  #tellCount(): void {
    const n = this.#grid.size;
    this.#count.textContent = `${count(n)} ${n === 1 ? this.of.one : this.of.noun}`;
  }

  #empty(): string {
    if (!this.app.time && !this.app.past) return this.app.locked ? "" : "Waiting for the first reading …";
    if (this.#find) return `No ${this.of.noun} with “${this.#find}”.`;
    if (this.of.sockets && this.app.filter) return `No ${this.of.noun} match the filter.`;
    if (this.of.sockets && this.app.past) return `No ${this.of.noun} are known of that time.`;
    return this.of.empty(this.app);
  }
}
