import type { Geo, Page, Socket } from "../interface.ts";

// What the server says of the past, as internal/web/openapi.json has it.

export interface Span {
  recording: boolean; why?: string; from?: string; to?: string;
  sessions: { from: string; to: string }[];
  gaps: { time: string; lost?: number; why: string }[];
}

/** A connection or listener that was. Its bytes are those of all of its life. */
export interface Life extends Socket {
  opened: string; opened_before?: boolean; closed?: string; last_seen?: string; open?: boolean; incoming?: boolean;
  source?: string; owner_from?: string; lifetime_ms?: number; inferred?: boolean; counted_by?: string;
}

export type Way = "process" | "unit" | "host" | "country" | "asn" | "port" | "day" | "month";

export interface Group extends Geo {
  by: Way; key?: string; rx_bytes?: number; tx_bytes?: number; uncounted?: number; connections: number; open?: number;
  first?: string; last?: string; counts: "whole_connections" | "moved_in_time";
}

export interface Slot {
  time: string; seconds: number; measured_s: number; total?: boolean; interface?: string;
  rx_bytes: number; tx_bytes: number; rx_bytes_per_s?: number; tx_bytes_per_s?: number;
}

/** Something that was seen for the first time, with the socket that showed it. */
export interface NewsItem extends Socket { time: string; event: string }

/** What every answer has besides its rows: partial says what was not recorded of what was asked for. */
export interface Answer { time: string; partial: string[] }

/** Whether the server has a history for the viewer: its status says so. */
export function recorded(page: Page): boolean {
  return page.full && (page.status as { history?: object } | null)?.history !== undefined;
}
