import type { Column } from "./column.ts";
import { el } from "../dom.ts";

/** A cell and what it shows, so that only what is different is written. */
interface Cell { element: HTMLElement; text: HTMLElement; sub: HTMLElement | null; was: string; wasSub: string; tone: string; bar: number }

/** RowView is the element of a row, which shows one row after another. */
export class RowView<R> {
  readonly element: HTMLElement;
  #cells: Cell[];
  #top = -1;
  #marks = "";

  constructor(private readonly columns: Column<R>[], id: string, private readonly dim?: (row: R) => boolean) {
    this.element = el("div", { class: "row", role: "row", id });
    this.#cells = columns.map((c, i) => makeCell(c, i));
    this.element.append(...this.#cells.map((c) => c.element));
  }

  show(id: string | undefined, row: R | undefined, index: number, height: number, active: boolean, opened: boolean, gone: boolean): void {
    const e = this.element;
    e.hidden = row === undefined;
    if (row === undefined) return;
    const top = index * height;
    if (top !== this.#top) {
      this.#top = top;
      e.style.transform = `translateY(${top}px)`;
      e.setAttribute("aria-rowindex", String(index + 2));
    }
    if (e.dataset.id !== id) e.dataset.id = id!;
    this.#mark((active ? " active" : "") + (opened ? " opened" : "") + (this.dim?.(row) ? " dim" : "") + (gone ? " gone" : ""), active);
    this.#fill(row);
  }

  #mark(marks: string, active: boolean): void {
    if (marks === this.#marks) return;
    this.#marks = marks;
    this.element.className = "row" + marks;
    this.element.setAttribute("aria-selected", String(active));
  }

  #fill(row: R): void {
    for (let i = 0; i < this.columns.length; i++) fillCell(this.#cells[i]!, this.columns[i]!, row);
  }

}

function makeCell<R>(c: Column<R>, i: number): Cell {
  const text = el("span", { class: "t" });
  const sub = c.sub ? el("span", { class: "sub" }) : null;
  const element = el("div", { class: `cell${c.end ? " end" : ""} slot-${c.slot ?? "none"} c-${c.name}`, role: "gridcell", "aria-colindex": i + 1 }, text);
  if (sub) element.append(" ", sub);
  return { element, text, sub, was: "", wasSub: "", tone: "", bar: 0 };
}

function fillCell<R>(cell: Cell, c: Column<R>, row: R): void {
  const text = c.text(row);
  if (text !== cell.was) {
    cell.text.textContent = cell.was = text;
  }
  if (cell.sub) {
    const sub = c.sub!(row);
    if (sub !== cell.wasSub) cell.sub.textContent = cell.wasSub = sub;
  }
  const tone = c.tone?.(row) ?? "";
  if (tone !== cell.tone) {
    cell.text.className = tone ? `t tone-${tone}` : "t";
    cell.tone = tone;
  }
  if (c.bar) {
    const bar = Math.round(c.bar(row) * 100);
    if (bar !== cell.bar) {
      cell.element.style.setProperty("--bar-n", String(bar / 100));
      cell.bar = bar;
    }
  }
}
