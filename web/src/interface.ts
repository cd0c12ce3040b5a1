// What the parts of the page know of each other. Objects of the server are as internal/web/openapi.json has them; what does not
// apply or is not known is absent.

export interface Geo {
  country?: string; iso?: string; region?: string; city?: string; district?: string; isp?: string; org?: string;
  special?: string; via?: string; source?: string; asn?: number; latitude?: number; longitude?: number;
}

export interface Owner {
  pid: number; name: string; fd?: number; exe?: string; cmdline?: string; module?: string; user?: string; started?: string;
}

export interface Socket {
  proto: string; family?: number; type?: string; state: string;
  local_addr?: string; local_port?: number; remote_addr?: string; remote_port?: number; path?: string; peer?: number;
  interface?: string; netns?: number; uid?: number; user?: string; inode?: number; cookie?: number;
  recv_q?: number; send_q?: number; module?: string; owners?: Owner[]; owner_missing?: string;
  rx_bytes?: number; tx_bytes?: number; rtt_us?: number; retrans?: number; cwnd?: number; congestion?: string; geo?: Geo;
  rx_bytes_per_s?: number; tx_bytes_per_s?: number; since?: string;
}

export interface Usage {
  by: string; pid?: number; name?: string; module?: string; remote_addr?: string;
  rx_bytes?: number; tx_bytes?: number; rx_bytes_delta?: number; tx_bytes_delta?: number;
  rx_bytes_per_s?: number; tx_bytes_per_s?: number;
  open?: number; opened?: number; closed?: number; uncounted?: number; counts?: string; counted_by?: string; geo?: Geo;
}

export interface Link {
  interface?: string; netns?: number; kind?: string; state?: string; excluded?: string; counted?: string[]; marks?: string[];
  rx_bytes?: number; tx_bytes?: number; rx_bytes_per_s?: number; tx_bytes_per_s?: number;
  rx_packets?: number; tx_packets?: number; rx_packets_per_s?: number; tx_packets_per_s?: number;
  rx_errors?: number; tx_errors?: number; rx_dropped?: number; tx_dropped?: number;
}

export interface Status {
  schema: number; version: string; host: string; began?: string; time?: string; seq: number; sockets?: number; viewers?: number;
  source?: string; opened?: number; closed?: number; lost?: number; overflows?: number; access: "public" | "full";
  read_only: boolean; places?: boolean; actions: string[]; partial?: string[];
}

/** Item of what is new, as GET /api/history/news and the topic `news` have it; past/ knows its fields. */
export type News = Record<string, unknown>;

/** Rows of the server by their number, which stays as long as the row is there. */
export interface Table<R> {
  readonly rows: ReadonlyMap<string, R>;
  /** Calls back after each reading that changed something, and after everything came anew. Returns the way to end it. */
  subscribe(changed: (change: Change) => void): Off;
}

/** What a reading changed; all is everything. Ids that are in neither list are as they were. */
export interface Change { all: boolean; set: string[]; gone: string[] }

export type Off = () => void;

export interface Tables {
  sockets: Table<Socket>; processes: Table<Usage>; units: Table<Usage>; hosts: Table<Usage>; interfaces: Table<Link>;
}

/**
 * What happened: `status`, another hello from the server (access, actions); `reading`, a reading came; `connection`, the stream
 * was lost or found; `filter`, `theme`, `past` and `news`: these are others than before.
 */
export type Happening = "status" | "reading" | "connection" | "filter" | "theme" | "past" | "news";

/** What the page offers to its views. Its functions throw ApiError where the server refuses. */
export interface Page {
  readonly tables: Tables;
  /** The status as the stream began with it; null before. */
  readonly status: Status | null;
  /** When the last reading was, as the server has it; null before. */
  readonly time: Date | null;
  readonly connected: boolean;
  /** Whether the viewer sees processes: the token was given. */
  readonly full: boolean;
  on(what: Happening, call: () => void): Off;

  /** Gets from the server, such as get("/api/history/span", {from: "..."}); empty parameters are left out. */
  get<T>(path: string, params?: Record<string, string | number | boolean | undefined>, signal?: AbortSignal): Promise<T>;
  /** Posts JSON, with a session; asks the viewer for the token where there is none yet. */
  post<T>(path: string, body: unknown): Promise<T>;

  /** The filter of the sockets, in the filter language. Setting it has the server check it. */
  filter: string;
  /** Goes to a view by its name, with a filter if one is given, as a person who clicked there. */
  go(view: string, filter?: string): void;
  /** Reads or writes what a view keeps in the address, such as its period; undefined takes it out. Never the token. */
  param(name: string): string | undefined;
  setParam(name: string, value: string | undefined): void;

  /** Says something for a moment, also to a screen reader. */
  say(text: string): void;
  /** A colour of the present theme as a canvas takes it, by the name of its variable, such as colour("--rx"). */
  colour(name: string): string;

  /** Bytes a second of all interfaces, one entry a reading of the last ten minutes: seconds since 1970, received, sent. */
  readonly rates: { time: number[]; rx: number[]; tx: number[] };

  /** What tables show instead of the present, or null. */
  readonly past: { at: Date } | null;
  /** Has the tables of sockets show these, as of then, until live() is called. */
  showPast(at: Date, sockets: Socket[]): void;
  live(): void;

  /** News that came by the stream since the page is open, newest last. */
  readonly news: News[];
}

/** A view: one entry of the navigation. */
export interface View {
  name: string; // in the address: #/name
  title: string;
  full?: boolean; // it needs the token
  /** Whether it is in the navigation now; absent is always. Asked again at each `status`. */
  offered?(page: Page): boolean;
  /** How many there are, for the navigation; absent or undefined is no number. Asked at each reading. */
  count?(page: Page): number | undefined;
  /** Fills root, which is empty and is emptied afterwards. */
  mount(root: HTMLElement, page: Page): Mounted;
}

/** Something that is on the page. */
export interface Mounted {
  /** Takes back what was begun outside of root: subscriptions, timers, observers. */
  unmount(): void;
  /** Where the keyboard goes when the view is entered by it. */
  focus?(): void;
  /** Gets keys that nothing else has taken; true is that it was used. */
  key?(event: KeyboardEvent): boolean;
}

/** What charts/ makes. Times are seconds since 1970, rates bytes a second; null is not known. */
export interface RateChart {
  set(time: number[], rx: (number | null)[], tx: (number | null)[]): void;
  destroy(): void;
}

export interface RateChartOptions {
  label: string; // what it shows, for a screen reader and the legend
  height: number; // pixels
  compact?: boolean; // without axes and legend, for the strip at the top
}
