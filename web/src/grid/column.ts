import type { Key } from "./order.ts";

/** A column of a table. Its functions are called for rows that are seen, but for key. */
export interface Column<R> {
  name: string; // in the address, and in CSV
  title: string;
  hint?: string;
  width: number; // pixels at least
  grow?: number; // its share of the room that is left; absent is none
  spare?: number; // where there is no room for all, those with the greatest number go first; absent stays
  end?: boolean; // numbers stand at the right
  hidden?: boolean; // until it is chosen
  full?: boolean; // it is empty without the token, and not shown then
  instead?: boolean; // it is shown where those are not, though hidden
  downwards?: boolean; // what is much comes first when it is sorted by
  /** Where it stands on a narrow screen, which has two lines; absent is nowhere. */
  slot?: "a" | "b" | "c" | "d" | "e";
  text(row: R): string;
  /** What stands behind the text, less strongly. */
  sub?(row: R): string;
  /** The tone of the text: a class of style/grid.css. */
  tone?(row: R): string;
  /** From 0 to 1: how long the bar under the text is. */
  bar?(row: R): number;
  key(row: R): Key;
  /** The exact value, for CSV; absent is the text. */
  value?(row: R): string | number | undefined;
}

/** Pixels beside the columns of a row: style/grid.css. */
export const sides = 24;

/** How wide columns are at least. */
export function least<R>(columns: Column<R>[]): number {
  return columns.reduce((sum, c) => sum + c.width, sides);
}

/** Those columns for which there is room; never less than those that stay. */
export function fitting<R>(columns: Column<R>[], room: number): Column<R>[] {
  let list = columns;
  while (least(list) > room) {
    const goes = list.reduce<Column<R> | null>((most, c) => c.spare && c.spare > (most?.spare ?? 0) ? c : most, null);
    if (!goes) break;
    list = list.filter((c) => c !== goes);
  }
  return list;
}
