import type { Socket } from "../interface.ts";
import type { Life } from "./types.ts";

/** A socket of then, as tables show one: since is when it was opened. Rates and queues of then are not known. */
export function toSocket(l: Life): Socket {
  const { opened, opened_before: _b, closed: _c, last_seen: _l, open: _o, incoming: _i, source: _s, owner_from: _f,
    lifetime_ms: _m, inferred: _n, counted_by: _y, ...socket } = l;
  return { ...socket, since: opened };
}
