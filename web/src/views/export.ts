import type { Column } from "../grid/column.ts";
import { el } from "../dom.ts";

/** Rows as CSV (RFC 4180) with exact values. */
export function csv<R>(columns: Column<R>[], rows: R[]): string {
  return [columns.map((c) => c.name), ...rows.map((r) => columns.map((c) => c.value ? c.value(r) : c.text(r)))]
    .map((line) => line.map(field).join(",")).join("\r\n") + "\r\n";
}

// A spreadsheet takes text that begins like this for a formula, and names of processes are anyone's to choose.
const formula = /^[=+\-@\t\r]/;

function field(v: string | number | undefined): string {
  if (v === undefined) return "";
  if (typeof v === "number") return String(v);
  const text = formula.test(v) ? "'" + v : v;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows as they are shown, with tabs between columns. */
export function text<R>(columns: Column<R>[], rows: R[]): string {
  return [columns.map((c) => c.title).join("\t"), ...rows.map((r) => columns.map((c) => [c.text(r), c.sub?.(r)].filter(Boolean).join(" ")).join("\t"))].join("\n");
}

/** Rows as an object a line. */
export function lines<R>(rows: R[]): string {
  return rows.map((r) => JSON.stringify(r)).join("\n");
}

/** Has the browser save a file. */
export function download(name: string, type: string, content: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Copies text; false where the browser does not let us: without TLS only this machine's own addresses may. */
export async function copyText(content: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(content);
    return true;
  } catch {
    return false;
  }
}
