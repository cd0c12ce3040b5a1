import type { Frame } from "../store.ts";

/** A frame whose rows are not parsed: their JSON by their number. */
export interface TextFrame { all: boolean; rows: [id: string, json: string][]; gone: string[] }

const head = '"set":{';
const tail = '},"gone":[';

/**
 * Splits the data of a frame into its rows without parsing them: of ten thousand rows a few are seen. Null where it is not as our server
 * writes it; then it is to be parsed as a whole.
 *
 * Within a JSON string every quotation mark has a backslash before it, so that the mark between rows, },"17":{ with its bare
 * quotation marks, stands in no string, whatever text it holds; and no object within a row has a key of digits.
 */
export function splitFrame(data: string): TextFrame | null {
  const from = data.indexOf(head);
  const to = data.lastIndexOf(tail);
  if (from < 0 || from > 200 || to < from + head.length - 1) return null;
  const rest = JSON.parse(data.slice(0, from + head.length) + data.slice(to)) as Frame<never>;
  const body = data.slice(from + head.length, to);
  if (body === "") return { all: !!rest.all, rows: [], gone: rest.gone };
  const rows = splitRows(body);
  return rows && { all: !!rest.all, rows, gone: rest.gone };
}

function splitRows(body: string): [string, string][] | null {
  const first = /^"(\d+)":\{/.exec(body);
  if (!first) return null;
  const rows: [string, string][] = [];
  const between = /\},"(\d+)":\{/g;
  let id = first[1]!;
  let from = first[0].length - 1;
  for (let m; (m = between.exec(body)); from = between.lastIndex - 1, id = m[1]!) rows.push([id, body.slice(from, m.index + 1)]);
  rows.push([id, body.slice(from)]);
  return rows;
}
