import type { Happening, Link, News, Off, Page, Socket, Status, Table, Usage } from "./interface.ts";
import { Api, ApiError, type Params } from "./net/api.ts";
import { Stream } from "./net/stream.ts";
import { SocketStore } from "./sockets.ts";
import { Store, type Frame } from "./store.ts";
import { formatPlace, parsePlace, tokenOf, type Place } from "./address.ts";

/** How long a tab that nobody sees keeps its stream: a browser lets a host have six connections. */
const unseen = 60_000;

/** How many readings the rates of the strip go back. */
const ratesKept = 600;

const publicTopics = ["sockets", "hosts", "interfaces"];
const fullTopics = ["sockets", "processes", "units", "hosts", "interfaces", "news"];

/** What the app needs of the shell. */
export interface Shell {
  say(text: string): void;
  /** Asks for the token, and answers whether a session was opened. */
  signIn(why: string): Promise<boolean>;
  colour(name: string): string;
}

/** App is the Page. */
export class App implements Page {
  readonly api = new Api();
  readonly tables = {
    sockets: new SocketStore(), processes: new Store<Usage>(), units: new Store<Usage>(), hosts: new Store<Usage>(),
    interfaces: new Store<Link>(),
  };
  status: Status | null = null;
  time: Date | null = null;
  connected = false;
  /** Why the stream is lost, and when it is tried again. */
  lost: { error: Error; again: number } | null = null;
  /** Why the server does not take the filter, or null. */
  filterError: string | null = null;
  /** Whether nothing is shown without the token. */
  locked = false;
  readonly rates = { time: [] as number[], rx: [] as number[], tx: [] as number[] };
  readonly news: News[] = [];
  past: { at: Date; sockets: Table<Socket> } | null = null;
  place: Place = parsePlace(tokenOf(location.hash) === null ? location.hash : "");
  shell!: Shell;

  #calls = new Map<Happening | "place", Set<() => void>>();
  #stream: Stream;
  #topics: string[] | null = null;
  #asked = ""; // the filter of the stream that is open
  #good = ""; // the last one that the server took

  constructor() {
    this.#stream = new Stream(this.api, {
      event: (name, data) => this.#take(name, data),
      state: (connected, error, again) => {
        this.connected = connected;
        this.lost = error ? { error, again: Date.now() + (again ?? 0) * 1000 } : null;
        this.tell("connection");
      },
      refused: (error) => this.#refused(error),
    });
    window.addEventListener("hashchange", () => this.#moved());
    this.#sleepUnseen();
  }

  get full(): boolean { return this.status?.access === "full"; }

  /** Connects, or connects anew with what is wanted now. */
  start(): void {
    this.#topics ??= this.api.signedIn ? fullTopics : publicTopics;
    this.#open(this.filter);
  }

  #open(filter: string): void {
    this.#asked = filter;
    this.#stream.start(this.#topics!, filter);
  }

  on(what: Happening | "place", call: () => void): Off {
    let set = this.#calls.get(what);
    if (!set) this.#calls.set(what, set = new Set());
    set.add(call);
    return () => set.delete(call);
  }

  tell(what: Happening | "place"): void {
    for (const call of [...this.#calls.get(what) ?? []]) call();
  }

  async get<T>(path: string, params?: Params, signal?: AbortSignal): Promise<T> {
    return this.api.get<T>(path, params, signal);
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    if (!this.api.signedIn && !await this.signIn("This changes something on the machine, which takes the token.")) {
      throw new ApiError("nothing was done: it needs the token", 401);
    }
    return this.api.post<T>(path, body);
  }

  /** Asks for the token, and shows what it opens. */
  async signIn(why: string): Promise<boolean> {
    if (!await this.shell.signIn(why)) return false;
    this.begin();
    return true;
  }

  /** Ends the session, and goes on with what all may see. */
  async signOut(): Promise<void> {
    await this.api.signOut().catch(() => undefined); // a server that is gone has no sessions
    this.#leave();
  }

  // The past, and details of what is gone, would stay with names of processes in them: nothing new comes for them.
  #leave(): void {
    this.past = null;
    this.tell("past");
    this.begin();
  }

  /** Begins anew, after the access has changed. */
  begin(): void {
    this.#topics = null;
    this.locked = false;
    this.clear();
    this.start();
  }

  clear(): void {
    for (const t of Object.values(this.tables)) t.clear();
  }

  get filter(): string { return this.place.params.get("filter") ?? ""; }

  set filter(text: string) {
    if (text.trim() === this.filter) return;
    this.setParam("filter", text.trim() || undefined);
    this.#filterChanged();
  }

  #filterChanged(): void {
    this.filterError = null;
    this.tell("filter");
    this.start();
  }

  go(view: string, filter?: string): void {
    const params = new URLSearchParams();
    const keep = filter ?? this.filter;
    if (keep) params.set("filter", keep);
    location.hash = formatPlace({ view, params });
  }

  param(name: string): string | undefined { return this.place.params.get(name) ?? undefined; }

  setParam(name: string, value: string | undefined): void {
    if (value === undefined) this.place.params.delete(name);
    else this.place.params.set(name, value);
    history.replaceState(null, "", formatPlace(this.place));
  }

  say(text: string): void { this.shell.say(text); }

  colour(name: string): string { return this.shell.colour(name); }

  showPast(at: Date, sockets: Socket[]): void {
    const table = new Store<Socket>();
    table.take({ set: Object.fromEntries(sockets.map((s, i) => [String(i), s])), gone: [] });
    this.past = { at, sockets: table };
    this.tell("past");
  }

  live(): void {
    if (!this.past) return;
    this.past = null;
    this.tell("past");
  }

  /** Takes the token of the address, if it has one, out of it at once. Answers whether it had one. */
  async enter(): Promise<boolean> {
    const token = tokenOf(location.hash);
    if (token === null) return false;
    history.replaceState(null, "", formatPlace(this.place));
    await this.api.signIn(token).catch((err: Error) => this.say(`The token of the address is not taken: ${err.message}`));
    return true;
  }

  #moved(): void {
    if (tokenOf(location.hash) !== null) return void this.enter().then(() => this.begin());
    const before = this.filter;
    this.place = parsePlace(location.hash);
    if (this.filter !== before) this.#filterChanged();
    this.tell("place");
  }

  #take(name: string, text: string): void {
    if (name === "sockets") return this.tables.sockets.takeText(text);
    const data = JSON.parse(text);
    switch (name) {
      case "hello":
        this.status = data as Status;
        this.#good = this.#asked;
        this.tell("status");
        break;
      case "reading":
        this.time = new Date(data.time);
        this.#addRates();
        this.tell("reading");
        break;
      case "news":
        this.news.push(...data.news as News[]);
        this.news.splice(0, this.news.length - 1000);
        this.tell("news");
        break;
      default:
        if (name in this.tables) (this.tables as Record<string, Store<any>>)[name]!.take(data as Frame<any>);
    }
  }

  #addRates(): void {
    const total = totalLink(this.tables.interfaces.rows.values());
    const { time, rx, tx } = this.rates;
    const seconds = this.time!.getTime() / 1000;
    if (time.length && seconds <= time.at(-1)!) return;
    time.push(seconds);
    rx.push(total?.rx_bytes_per_s ?? 0);
    tx.push(total?.tx_bytes_per_s ?? 0);
    if (time.length > ratesKept) for (const list of [time, rx, tx]) list.shift();
  }

  #refused(error: ApiError): void {
    if (error.status === 401) return this.#unknown();
    if (this.#asked === "") return this.#refusedAll(error);
    this.filterError = error.message;
    this.tell("filter");
    // What was there stays there, with the filter that was good.
    this.#open(this.#good === this.#asked ? "" : this.#good);
  }

  /** The server refuses even what has no filter: another version, or a proxy. It may have come to its senses later. */
  #refusedAll(error: Error): void {
    const wait = 10_000;
    this.connected = false;
    this.lost = { error, again: Date.now() + wait };
    this.tell("connection");
    setTimeout(() => { if (this.lost?.error === error) this.start(); }, wait);
  }

  /** The server does not know the session (it was started anew), or shows nothing without the token. */
  #unknown(): void {
    if (this.api.signedIn) {
      this.api.forget();
      this.say("The session is over: the server was started again, or twelve hours have passed.");
      return this.#leave();
    }
    this.locked = true;
    this.connected = false;
    this.lost = null;
    this.tell("connection");
  }

  #sleepUnseen(): void {
    let timer = 0;
    let asleep = false;
    document.addEventListener("visibilitychange", () => {
      clearTimeout(timer);
      if (document.hidden) {
        timer = window.setTimeout(() => { asleep = true; this.#stream.stop(); }, unseen);
      } else if (asleep) {
        asleep = false;
        this.start();
      }
    });
  }
}

/** The row that is the total of all interfaces: it names those that are counted in it. */
export function totalLink(links: Iterable<Link>): Link | undefined {
  for (const l of links) if (l.counted) return l;
  return undefined;
}
