import { fitting, least, type Column } from "./column.ts";
import { Order } from "./order.ts";
import { RowView } from "./row.ts";
import { el } from "../dom.ts";
import type { Change, Table } from "../interface.ts";

export interface GridOptions<R> {
  label: string;
  columns: Column<R>[]; // that are shown
  all?: boolean; // even where there is no room for all of them
  sort: { column: Column<R>; sign: 1 | -1 };
  shows?: (row: R) => boolean;
  dim?: (row: R) => boolean;
  /** The viewer wants another order. */
  sorted(column: Column<R>, sign: 1 | -1): void;
  /** The viewer wants the details of a row. */
  open(id: string): void;
  /** Rows came or went. */
  counted?(n: number): void;
  /** Says why there is nothing; asked when there is nothing. */
  empty(): string;
}

/** Screens that are narrower show a row in two lines. style/grid.css has the same number. */
export const narrow = matchMedia("(max-width: 720px)");

const heights = { wide: 30, narrow: 54 };
const overscan = 4;
let grids = 0;

/**
 * Grid is a table of which only the rows that are seen exist: role grid, with the number of rows and of each row, and the active row
 * as aria-activedescendant, since what has the focus may not go away when the rows scroll.
 */
export class Grid<R> {
  readonly element: HTMLElement;
  #head = el("div", { class: "row head", role: "row", "aria-rowindex": 1 });
  #body = el("div", { class: "grid-body", role: "rowgroup" });
  #empty = el("div", { class: "grid-empty", hidden: true });
  #rows: RowView<R>[] = [];
  #order: Order<R>;
  #chosen: Column<R>[]; // what is to be shown
  #columns: Column<R>[] = []; // of these, what there is room for
  #table: Table<R> | null = null;
  #off: (() => void)[] = [];
  #frame = 0;
  #height = 0;
  #id = `grid${++grids}`;
  #active: string | null = null; // the row that the keyboard is on
  #opened: string | null = null; // the row whose details are shown
  #held = false;

  constructor(private readonly options: GridOptions<R>) {
    this.#chosen = options.columns;
    this.#order = new Order(options.shows ?? (() => true), options.sort.column.key, options.sort.sign);
    this.element = el("div", { class: "grid", role: "grid", tabindex: 0, "aria-label": options.label },
      el("div", { role: "rowgroup", class: "grid-top" }, this.#head), this.#body, this.#empty);
    this.#listen();
    this.#fit();
  }

  /** Shows the rows of a table from now on. */
  show(table: Table<R>): void {
    this.#off.splice(0).forEach((off) => off());
    this.#table = table;
    this.#off.push(table.subscribe((change) => this.#changed(change)));
    this.#changed({ all: true, set: [], gone: [] });
  }

  /** Shows these columns; all of them, whether there is room or not, where the viewer chose them. */
  setColumns(columns: Column<R>[], all: boolean): void {
    this.#chosen = columns;
    this.options.all = all;
    this.#columns = [];
    this.#fit();
  }

  #fit(): void {
    const room = narrow.matches || this.options.all ? Infinity : this.element.clientWidth || Infinity;
    const columns = fitting(this.#chosen, room);
    if (columns.length === this.#columns.length && columns.every((c, i) => c === this.#columns[i])) return;
    this.#columns = columns;
    this.element.setAttribute("aria-colcount", String(columns.length));
    this.element.style.setProperty("--columns", columns.map(track).join(" "));
    this.element.style.setProperty("--least", `${least(columns)}px`);
    this.#body.replaceChildren();
    this.#rows = [];
    this.#drawHead();
    this.draw();
  }

  sortBy(column: Column<R>, sign: 1 | -1): void {
    this.options.sort = { column, sign };
    this.#order.sortBy(column.key, sign);
    this.#drawHead();
    this.draw();
  }

  /** Whether rows stay where they are; what they show goes on. */
  get held(): boolean { return this.#held; }

  set held(held: boolean) {
    this.#held = held;
    this.refilter();
  }

  /** Asks anew which rows are shown. */
  refilter(): void {
    if (this.#table) this.#changed({ all: true, set: [], gone: [] });
  }

  /** Marks the row whose details are shown. */
  setOpened(id: string | null): void {
    this.#opened = id;
    if (id) this.#active = id;
    this.draw();
  }

  get rows(): R[] { return this.#order.list.map((e) => e.row); }
  get size(): number { return this.#order.list.length; }
  get columns(): Column<R>[] { return this.#chosen; }
  get active(): string | null { return this.#active; }

  /** Draws with the next frame. */
  draw(): void {
    this.#frame ||= requestAnimationFrame(() => { this.#frame = 0; this.#render(); });
  }

  destroy(): void {
    cancelAnimationFrame(this.#frame);
    this.#off.splice(0).forEach((off) => off());
    this.#watch.disconnect();
    narrow.removeEventListener("change", this.#resized);
  }

  #changed(change: Change): void {
    const rows = this.#table!.rows;
    const before = this.size;
    if (change.all) this.#order.reset(rows);
    else if (this.#held) this.#order.update(rows, change.set);
    else this.#order.apply(rows, change.set, change.gone);
    if (before !== this.size || change.all) this.options.counted?.(this.size);
    this.draw();
  }

  #watch = new ResizeObserver(() => { this.#fit(); this.draw(); });
  #resized = () => { this.#fit(); this.#rows = []; this.#body.replaceChildren(); this.draw(); };

  #listen(): void {
    this.element.addEventListener("scroll", () => this.draw(), { passive: true });
    this.element.addEventListener("keydown", (e) => { if (e.target === this.element && this.key(e)) e.preventDefault(); });
    this.#body.addEventListener("pointerover", (e) => tellWhole(e.target as Element));
    this.#body.addEventListener("click", (e) => this.#click(e));
    this.#watch.observe(this.element);
    narrow.addEventListener("change", this.#resized);
  }

  #click(e: MouseEvent): void {
    const selection = getSelection();
    if (selection && !selection.isCollapsed) return; // somebody selects text
    const row = (e.target as Element).closest<HTMLElement>(".row");
    const id = row?.dataset.id;
    if (!id) return;
    this.#active = id;
    this.options.open(id);
    this.draw();
  }

  /** Takes a key that moves the active row or opens it; true is that it was used. */
  key(e: KeyboardEvent): boolean {
    if (e.ctrlKey || e.metaKey || e.altKey) return false;
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.#height) - 2);
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const step = steps[e.key];
    if (step !== undefined) this.#step(step);
    else if (e.key === "Enter" && this.#active) this.options.open(this.#active);
    else return false;
    return true;
  }

  #step(by: number): void {
    if (this.size === 0) return;
    const at = this.#active ? this.#order.indexOf(this.#active) : -1;
    const to = at < 0 && by === 1 ? 0 : Math.min(this.size - 1, Math.max(0, at + by));
    this.#active = this.#order.list[to]!.id;
    this.#reveal(to);
    if (this.#opened) this.options.open(this.#active);
    this.draw();
  }

  #reveal(index: number): void {
    const box = this.element;
    const head = narrow.matches ? 0 : this.#head.offsetHeight;
    const top = index * this.#height;
    if (top < box.scrollTop) box.scrollTop = top;
    const low = top + this.#height + head - box.clientHeight;
    if (low > box.scrollTop) box.scrollTop = low;
  }

  #drawHead(): void {
    const focused = [...this.#head.querySelectorAll("button")].indexOf(document.activeElement as HTMLButtonElement);
    const { column: by, sign } = this.options.sort;
    this.#head.replaceChildren(...this.#columns.map((c, i) => {
      const sorted = c === by;
      const cell = el("div", {
        role: "columnheader", class: "cell" + (c.end ? " end" : ""), "aria-colindex": i + 1,
        "aria-sort": sorted ? (sign > 0 ? "ascending" : "descending") : undefined,
      });
      cell.append(el("button", {
        type: "button", text: c.title, title: c.hint, class: sorted ? (sign > 0 ? "up" : "down") : undefined,
        on: { click: () => this.options.sorted(c, sorted ? -sign as 1 | -1 : c.downwards ? -1 : 1) },
      }));
      return cell;
    }));
    if (focused >= 0) this.#head.querySelectorAll("button")[focused]?.focus();
  }

  #render(): void {
    const list = this.#order.list;
    this.#height = narrow.matches ? heights.narrow : heights.wide;
    this.element.setAttribute("aria-rowcount", String(list.length + 1));
    this.#setEmpty(list.length === 0);
    const total = `${list.length * this.#height}px`;
    if (this.#body.style.height !== total) this.#body.style.height = total;
    const seen = Math.ceil(this.element.clientHeight / this.#height) + 2 * overscan;
    const first = Math.max(0, Math.min(Math.floor(this.element.scrollTop / this.#height) - overscan, list.length - seen));
    this.#provide(Math.min(seen, list.length));
    const n = this.#rows.length;
    for (let i = first; i < first + n; i++) {
      // A row that stays in view stays in its element, so that scrolling by one changes one.
      const e = list[i];
      this.#rows[i % n]!.show(e?.id, e?.row, i, this.#height, e?.id === this.#active, e?.id === this.#opened, this.#held && !!e && !this.#table!.rows.has(e.id));
    }
    this.#tellActive();
  }

  #provide(n: number): void {
    while (this.#rows.length < n) {
      const view = new RowView<R>(this.#columns, `${this.#id}-${this.#rows.length}`, this.options.dim);
      this.#rows.push(view);
      this.#body.append(view.element);
    }
    for (const view of this.#rows.splice(n)) view.element.remove();
  }

  #tellActive(): void {
    const row = this.#active ? this.#rows.find((r) => r.element.dataset.id === this.#active) : undefined;
    if (row) this.element.setAttribute("aria-activedescendant", row.element.id);
    else this.element.removeAttribute("aria-activedescendant");
  }

  #setEmpty(empty: boolean): void {
    this.#empty.hidden = !empty;
    if (!empty) return;
    const text = this.options.empty();
    if (this.#empty.textContent !== text) this.#empty.textContent = text;
  }
}

// What does not fit into its cell is told when somebody points at it.
function tellWhole(target: Element): void {
  const cell = target.closest<HTMLElement>(".cell");
  if (cell) cell.title = cell.scrollWidth > cell.clientWidth ? cell.textContent ?? "" : "";
}

function track(c: Column<unknown> | Column<any>): string {
  return c.grow ? `minmax(${c.width}px, ${c.grow}fr)` : `${c.width}px`;
}
