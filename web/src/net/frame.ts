import type { Frame } from "../store.ts";

/** A frame whose rows are not parsed: their numbers, and the JSON of each. */
export interface TextFrame { all: boolean; ids: string[]; texts: string[]; gone: string[] }

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
  const frame: TextFrame = { all: !!rest.all, ids: [], texts: [], gone: rest.gone };
  return body === "" || splitRows(body, frame) ? frame : null;
}

function splitRows(body: string, to: TextFrame): boolean {
  let colon = body.indexOf('":{');
  if (!/^"\d+$/.test(body.slice(0, colon))) return false;
  to.ids.push(body.slice(1, colon));
  for (let at = colon; ;) {
    at = body.indexOf('},"', at);
    if (at < 0) break;
    at += 3;
    if (!digit(body.charCodeAt(at))) continue; // a field behind an object of the row
    to.texts.push(body.slice(colon + 2, at - 2));
    colon = body.indexOf('":{', at);
    to.ids.push(body.slice(at, colon));
    at = colon;
  }
  to.texts.push(body.slice(colon + 2));
  return true;
}

function digit(c: number): boolean { return c >= 48 && c <= 57; }
