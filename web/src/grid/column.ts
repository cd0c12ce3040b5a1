import type { Key } from "./order.ts";

/** A column of a table. Its functions are called for rows that are seen, but for key. */
export interface Column<R> {
  name: string; // in the address, and in CSV
  title: string;
  hint?: string;
  width: number; // pixels at least
  grow?: number; // its share of the room that is left; absent is none
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
