import { totalLink, type App } from "../app.ts";
import type { Mounted, View } from "../interface.ts";
import { el, icon } from "../dom.ts";
import { ApiError } from "../net/api.ts";
import { clock, count, duration, plain, rate } from "../format.ts";
import { rateChart } from "../charts/index.ts";
import { about } from "./about.ts";
import { askToken, help } from "./dialog.ts";
import { icons } from "./icons.ts";
import { chooseTheme, colours, storedTheme, type Theme } from "../theme.ts";

/** PageShell is the header, the strip, and the place of the view. */
export class PageShell {
  #main = el("main", { id: "main", tabindex: -1 });
  #nav = el("nav", { class: "nav", "aria-label": "Views" });
  #host = el("button", { type: "button", class: "host", title: "What the server does, and what it cannot see", on: { click: () => void about(this.app) } });
  #live = el("span", { class: "live", role: "status" });
  #locked = el("div", { class: "notice locked", hidden: true });
  #banner = el("div", { class: "notice", role: "status", hidden: true });
  #hint = el("div", { class: "notice hint", hidden: true });
  #toast = el("div", { class: "toast", role: "status", "aria-live": "polite" });
  #tiles = el("div", { class: "tiles" });
  #numbers = new Map<View, HTMLElement>();
  #links = new Map<View, { link: HTMLAnchorElement; n: HTMLElement }>();
  #mounted: Mounted | null = null;
  #view: View | null = null;
  #toastTimer = 0;
  readonly colour = colours();

  constructor(private readonly app: App, private readonly views: View[]) {
    document.body.append(
      el("a", { class: "skip", href: "#main", text: "To the table", on: { click: (e: Event) => { e.preventDefault(); this.#mounted?.focus?.(); } } }),
      el("header", { class: "top" }, el("div", { class: "brand" }, el("img", { src: "icon.svg", alt: "", width: 20, height: 20 }), el("h1", {}, "sockeye"), this.#host), this.#nav, this.#right()),
      this.#strip(), this.#banner, this.#hint, this.#locked, this.#main, this.#toast);
    app.on("status", () => this.#drawStatus());
    app.on("connection", () => this.#drawConnection());
    app.on("reading", () => { this.#drawConnection(); this.#drawCounts(); });
    app.on("place", () => this.#route());
    app.on("news", () => this.#drawCounts());
    document.addEventListener("keydown", (e) => this.#key(e));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => app.tell("theme"));
    setInterval(() => { if (!app.connected) this.#drawConnection(); }, 1000);
    this.#drawNav();
    this.#route();
    this.#drawConnection();
  }

  say(text: string): void {
    clearTimeout(this.#toastTimer);
    this.#toast.textContent = text;
    this.#toast.classList.add("shown");
    this.#toastTimer = window.setTimeout(() => this.#toast.classList.remove("shown"), 5000);
  }

  signIn(why: string): Promise<boolean> { return askToken(why, (token) => this.app.api.signIn(token)); }

  #right(): HTMLElement {
    const button = (label: string, path: string, click: () => void) => el("button", { type: "button", class: "quiet", "aria-label": label, title: label, on: { click } }, icon(path));
    return el("div", { class: "top-right" }, this.#live, button("Theme (t)", icons.theme, () => this.#nextTheme()), button("Keys and help (?)", icons.help, () => help(this.app.status?.version ?? "")));
  }

  #nextTheme(): void {
    const order: Theme[] = ["system", "light", "dark"];
    const next = order[(order.indexOf(storedTheme()) + 1) % order.length]!;
    chooseTheme(next);
    this.say(`theme: ${next === "system" ? "as the system" : next}`);
    this.app.tell("theme");
  }

  #drawNav(): void {
    this.#links.clear();
    const shown = this.views.filter((v) => v.offered?.(this.app) ?? true);
    this.#nav.replaceChildren(...shown.map((v, i) => {
      const n = el("span", { class: "n" });
      const link = el("a", { href: `#/${v.name}`, title: `${v.title} (${i + 1})`, on: { click: (e: Event) => { e.preventDefault(); this.app.go(v.name); } } }, v.title, n);
      this.#links.set(v, { link, n });
      return link;
    }));
    this.#drawTiles(shown);
    this.#drawCounts();
    this.#drawCurrent();
  }

  // Where there is room the numbers stand in the strip, else in the navigation.
  #drawTiles(shown: View[]): void {
    this.#numbers.clear();
    this.#tiles.replaceChildren(...shown.filter((v) => v.count && (!v.full || this.app.full)).map((v) => {
      const n = el("strong", { text: "–" });
      this.#numbers.set(v, n);
      return el("a", { class: "tile", href: `#/${v.name}`, tabindex: -1, "aria-hidden": "true", on: { click: (e: Event) => { e.preventDefault(); this.app.go(v.name); } } }, el("span", { class: "tile-name", text: v.title }), n);
    }));
  }

  #drawCounts(): void {
    for (const [view, { n }] of this.#links) {
      const text = count(view.full && !this.app.full ? undefined : view.count?.(this.app));
      if (n.textContent !== text) n.textContent = text;
      const tile = this.#numbers.get(view);
      if (tile && tile.textContent !== text) tile.textContent = text || "–";
    }
  }

  #drawCurrent(): void {
    for (const [view, { link }] of this.#links) {
      if (view === this.#view) {
        link.setAttribute("aria-current", "page");
        link.scrollIntoView({ block: "nearest", inline: "center" });
      }
      else link.removeAttribute("aria-current");
    }
  }

  #route(): void {
    const view = this.views.find((v) => v.name === this.app.place.view) ?? this.views[0]!;
    if (view !== this.#view || view.full && !this.app.full || !this.#mounted) this.#mount(view);
    this.#drawCurrent();
  }

  #mount(view: View): void {
    const by = this.#main.contains(document.activeElement);
    this.#mounted?.unmount();
    this.#mounted = null;
    this.#main.replaceChildren();
    this.#main.className = `view view-${view.name}`;
    this.#view = view;
    document.title = `${view.title} · ${this.app.status?.host ? plain(this.app.status.host) + " · " : ""}sockeye`;
    const root = this.#main;
    document.body.classList.toggle("gated", !!view.full && !!this.app.status && !this.app.full);
    if (view.full && this.app.status && !this.app.full) root.append(this.#needsToken(view));
    else if (view.full && !this.app.status) return;
    else if (view.full && view.offered?.(this.app) === false) root.append(notRecorded(view));
    else this.#mounted = view.mount(root, this.app);
    if (by) this.#mounted?.focus?.();
  }

  #needsToken(view: View): HTMLElement {
    return el("div", { class: "gate" }, icon(icons.key), el("h2", { text: `${view.title}: for who has the token` }),
      el("p", {}, "Other users of the machine can open this page too. ", el("code", { text: "sockeye serve status" }), " prints the address with the token in it."), this.#tokenButton());
  }

  #tokenButton(): HTMLElement {
    return el("button", { type: "button", class: "primary", text: "Enter the token", on: { click: () => void this.app.signIn("With it the page shows whose process a connection is, and can close connections and end processes.") } });
  }

  #drawStatus(): void {
    const s = this.app.status!;
    this.#host.textContent = plain(s.host);
    this.#host.classList.toggle("partial", !!s.partial?.length);
    this.#hint.hidden = this.app.full;
    this.#hint.replaceChildren(...(this.app.full ? [] : [el("span", {}, "Processes are shown to who has the token: ", el("code", { text: "sockeye serve status" }), " prints the address. "),
      el("button", { type: "button", class: "link", text: "Enter the token", on: { click: () => void this.app.signIn("With it the page shows whose process a connection is, and can close connections and end processes.") } })]));
    this.#drawNav();
    if (this.#view && (!this.#mounted || this.#view.full)) this.#mount(this.#view);
  }

  #drawConnection(): void {
    const { app } = this;
    const text = app.connected ? (app.time ? clock(app.time) : "connecting") : app.locked ? "locked" : app.lost || app.status ? "not connected" : "connecting";
    this.#live.classList.toggle("on", app.connected);
    this.#live.classList.toggle("off", !app.connected && !!app.lost);
    this.#live.setAttribute("aria-live", "off");
    if (this.#live.textContent !== text) this.#live.textContent = text;
    document.body.classList.toggle("shut", app.locked);
    document.body.classList.toggle("stale", !app.connected && !!app.time);
    this.#drawBanner();
    this.#drawLocked();
  }

  #drawBanner(): void {
    const { lost, time } = this.app;
    this.#banner.hidden = !lost;
    if (!lost) return;
    const last = time ? ` What is shown is from ${clock(time)}, ${duration((Date.now() - time.getTime()) / 1000)} ago.` : "";
    const again = Math.max(0, Math.ceil((lost.again - Date.now()) / 1000));
    const why = lost.error instanceof ApiError ? ` (${plain(lost.error.message)})` : ""; // a browser says "Failed to fetch" for all else
    const text = `The server does not answer${why}.${last} Trying again${again ? ` in ${again} s` : ""} …`;
    if (this.#banner.textContent !== text) this.#banner.textContent = text;
  }

  #drawLocked(): void {
    if (this.#locked.hidden === !this.app.locked) return;
    this.#locked.hidden = !this.app.locked;
    this.#locked.replaceChildren(el("div", { class: "gate" }, icon(icons.key), el("h2", { text: "This server shows nothing without the token" }),
      el("p", {}, "It can be reached from other machines. Its token is in the file that it was started with; ", el("code", { text: "sockeye serve status" }), " on the machine prints the address."), this.#tokenButton()));
  }

  #strip(): HTMLElement {
    const now = (name: string, arrow: string, tone: string) => { const v = el("strong", { class: tone }); return { v, box: el("div", { class: "tile" }, el("span", { class: "tile-name", text: `${arrow} ${name}` }), v) }; };
    const rx = now("Download", "↓", "rx"), tx = now("Upload", "↑", "tx");
    const box = el("div", { class: "strip-chart" });
    const strip = el("section", { class: "strip", "aria-label": "Now" }, rx.box, tx.box, box, this.#tiles);
    requestAnimationFrame(() => {
      const chart = rateChart(box, this.app, { label: "Rates of all interfaces", height: 44, compact: true });
      this.app.on("reading", () => {
        const total = totalLink(this.app.tables.interfaces.rows.values());
        rx.v.textContent = rate(total?.rx_bytes_per_s) || "0 B/s";
        tx.v.textContent = rate(total?.tx_bytes_per_s) || "0 B/s";
        chart.set(this.app.rates.time, this.app.rates.rx, this.app.rates.tx);
      });
    });
    return strip;
  }

  #key(e: KeyboardEvent): void {
    const target = e.target as HTMLElement;
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return;
    const at = [...this.#links.keys()][Number(e.key) - 1];
    if (at) { this.app.go(at.name); requestAnimationFrame(() => this.#mounted?.focus?.()); }
    else if (e.key === "?") help(this.app.status?.version ?? "");
    else if (e.key === "t") this.#nextTheme();
    else if (!this.#mounted?.key?.(e)) return;
    e.preventDefault();
  }
}

// The views that a server may not offer are those of its history; an address may name them all the same.
function notRecorded(view: View): HTMLElement {
  return el("div", { class: "gate" }, el("h2", { text: `${view.title}: this server records nothing` }),
    el("p", {}, el("code", { text: "sockeye serve" }), " keeps a history unless it is started with ", el("code", { text: "--no-history" }), "."));
}
