import { el } from "../dom.ts";

/** A column of a Sheet: text of a row, and what it sorts by. */
export interface Column<R> {
  title: string;
  text(row: R): string;
  sort?(row: R): number | string;
  right?: boolean; // numbers
  part?(row: R): number; // 0 to 1, drawn as a bar
  more?(row: R): string; // behind the text, less loud
  choose?(row: R): (() => void) | undefined; // what a click on the text does
  hint?: string;
}

const step = 200; // rows that are drawn at once

/** A plain table of some hundred rows, sorted by a click on a header. */
export class Sheet<R> {
  readonly element = el("div", { class: "sheet" });
  #columns: Column<R>[] = [];
  #rows: R[] = [];
  #by: { column: number; down: boolean } | undefined;
  #shown = step;
  #caption = "";

  /** Shows rows in the order in which they come, until a person sorts them. */
  set(caption: string, columns: Column<R>[], rows: R[]): void {
    if (this.#columns.map((c) => c.title).join() !== columns.map((c) => c.title).join()) this.#by = undefined;
    [this.#caption, this.#columns, this.#rows, this.#shown] = [caption, columns, rows, step];
    this.#draw();
  }

  /** Shows a text instead of rows. */
  say(text: string): void {
    this.#rows = [];
    this.element.replaceChildren(el("p", { class: "sheet-empty", text }));
  }

  #draw(): void {
    const rows = this.#sorted();
    const table = el("table", {}, el("caption", { class: "visually-hidden", text: this.#caption }),
      el("thead", {}, el("tr", {}, ...this.#columns.map((c, i) => this.#header(c, i)))),
      el("tbody", {}, ...rows.slice(0, this.#shown).map((r) => this.#row(r))));
    const rest = rows.length - this.#shown;
    this.element.replaceChildren(table, ...(rest > 0
      ? [el("button", { type: "button", class: "sheet-more", text: `Show ${Math.min(rest, step)} more of ${rest}`, on: { click: () => { this.#shown += step; this.#draw(); } } })]
      : []));
  }

  #sorted(): R[] {
    const by = this.#by;
    const key = by && this.#columns[by.column]?.sort;
    if (!by || !key) return this.#rows;
    const sign = by.down ? -1 : 1;
    return [...this.#rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      return x < y ? -sign : x > y ? sign : 0;
    });
  }

  #header(c: Column<R>, i: number): HTMLElement {
    const sorted = this.#by?.column === i ? (this.#by.down ? "descending" : "ascending") : undefined;
    const content = c.sort
      ? el("button", { type: "button", title: c.hint, text: c.title, on: { click: () => this.#sortBy(i) } })
      : el("span", { title: c.hint, text: c.title });
    return el("th", { scope: "col", class: c.right ? "right" : undefined, "aria-sort": sorted }, content);
  }

  #sortBy(i: number): void {
    const first = !!this.#columns[i]!.right; // numbers: the greatest first
    this.#by = this.#by?.column === i ? { column: i, down: !this.#by.down } : { column: i, down: first };
    this.#draw();
    this.element.querySelectorAll<HTMLElement>("th button, th span")[i]?.focus();
  }

  #row(r: R): HTMLElement {
    return el("tr", {}, ...this.#columns.map((c) => cell(c, r)));
  }
}

function cell<R>(c: Column<R>, r: R): HTMLElement {
  const choose = c.choose?.(r);
  const text = c.text(r);
  const td = el("td", { class: c.right ? "right" : undefined },
    choose ? el("button", { type: "button", text, on: { click: choose } }) : text);
  const more = c.more?.(r);
  if (more) td.append(el("span", { class: "sheet-side", text: more }));
  if (c.part) {
    const bar = el("span", { class: "sheet-bar", "aria-hidden": "true" });
    bar.style.width = `${(100 * c.part(r)).toFixed(1)}%`;
    td.append(bar);
  }
  return td;
}
