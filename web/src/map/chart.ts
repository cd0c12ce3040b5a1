import { bytes, count, plain, rate } from "../format.ts";
import { el } from "../dom.ts";
import { radius, type Spot, type Sum } from "./places.ts";
import { project } from "./project.js";
import world from "./world.json";

const ns = "http://www.w3.org/2000/svg";

function svg(tag: string, attributes: Record<string, string>): SVGElement {
  const e = document.createElementNS(ns, tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  return e;
}

/** The drawing: land once, and a dot for each place, moved and sized as they change. The list beside it says the same in words. */
export class Chart {
  readonly element = el("div", { class: "map-chart" });
  #svg = svg("svg", { viewBox: `0 0 ${world.width} ${world.height}`, role: "img", class: "map-svg" });
  #dots = svg("g", { class: "map-dots" });
  #land = new Map<string, SVGElement>();
  #spots = new Map<string, { circle: SVGElement; spot: Spot; x: number; y: number }>();
  #tip = el("div", { class: "map-tip", hidden: true, "aria-hidden": "true" });
  #observer = new ResizeObserver(() => this.#resize());
  #width = 1000;
  #value: (s: Sum) => number = () => 0;
  #on = new Set<string>();
  #shown: Spot | undefined;

  constructor(choose: (s: { iso: string }) => void) {
    const land = svg("g", { class: "map-land" });
    for (const [iso, d] of Object.entries(world.land)) {
      const path = svg("path", { d, "data-iso": iso });
      this.#land.set(iso, path);
      land.append(path);
    }
    this.#svg.append(land, this.#dots);
    this.element.append(this.#svg, this.#tip);
    this.#svg.addEventListener("click", (e) => {
      const iso = this.#under(e)?.iso ?? (e.target as Element).getAttribute("data-iso");
      if (iso && this.#on.has(iso)) choose({ iso });
    });
    this.#svg.addEventListener("pointermove", (e) => this.#show(this.#under(e)));
    this.#svg.addEventListener("pointerleave", () => this.#show(undefined));
    this.#observer.observe(this.#svg);
  }

  destroy(): void { this.#observer.disconnect(); }

  describe(words: string): void {
    if (this.#svg.getAttribute("aria-label") !== words) this.#svg.setAttribute("aria-label", words);
  }

  draw(spots: Spot[], countries: Set<string>, value: (s: Sum) => number): void {
    this.#value = value;
    this.#colour(countries);
    const here = new Set(spots.map((s) => s.key));
    for (const [key, dot] of this.#spots) {
      if (here.has(key)) continue;
      dot.circle.remove();
      this.#spots.delete(key);
    }
    for (const spot of spots) this.#put(spot);
    // What is drawn last lies above: the small ones must not be hidden.
    const order = [...spots].sort((a, b) => value(b) - value(a)).map((s) => this.#spots.get(s.key)!.circle);
    order.forEach((c, i) => { if (this.#dots.children[i] !== c) this.#dots.insertBefore(c, this.#dots.children[i] ?? null); });
    this.#size();
    if (this.#shown) this.#show(this.#spots.get(this.#shown.key)?.spot);
  }

  #colour(countries: Set<string>): void {
    for (const iso of this.#on) if (!countries.has(iso)) this.#land.get(iso)?.classList.remove("on");
    for (const iso of countries) if (!this.#on.has(iso)) this.#land.get(iso)?.classList.add("on");
    this.#on = countries;
  }

  #put(spot: Spot): void {
    const dot = this.#spots.get(spot.key);
    if (dot) {
      dot.spot = spot;
      return;
    }
    const [x, y] = project(spot.lon, spot.lat);
    const circle = svg("circle", { cx: x.toFixed(1), cy: y.toFixed(1), "data-key": spot.key });
    this.#spots.set(spot.key, { circle, spot, x, y });
  }

  /** Radii are pixels whatever the map's width. */
  #size(): void {
    const most = [...this.#spots.values()].reduce((m, { spot }) => Math.max(m, this.#value(spot)), 0);
    const scale = world.width / this.#width;
    for (const { circle, spot } of this.#spots.values()) {
      const r = (radius(this.#value(spot), most, this.#width) * scale).toFixed(1);
      if (circle.getAttribute("r") !== r) circle.setAttribute("r", r);
    }
  }

  #resize(): void {
    const width = this.#svg.clientWidth;
    if (width <= 0 || width === this.#width) return;
    this.#width = width;
    this.#size();
  }

  #under(e: Event): Spot | undefined {
    const key = (e.target as Element).getAttribute("data-key");
    return key === null ? undefined : this.#spots.get(key)?.spot;
  }

  #show(spot: Spot | undefined): void {
    this.#shown = spot;
    this.#tip.hidden = !spot;
    if (!spot) return;
    const { x, y } = this.#spots.get(spot.key)!;
    const name = [spot.city, spot.name].filter(Boolean).map(plain).join(", ");
    const amount = rate(spot.rate) || bytes(spot.bytes || undefined);
    this.#tip.textContent = [name, `${count(spot.connections)} ${spot.connections === 1 ? "connection" : "connections"}`,
      `${count(spot.hosts)} ${spot.hosts === 1 ? "host" : "hosts"}`, amount].filter(Boolean).join(" · ");
    const scale = this.#svg.clientWidth / world.width;
    const half = this.#tip.offsetWidth / 2;
    const left = Math.min(Math.max(x * scale, half), Math.max(half, this.element.clientWidth - half));
    this.#tip.style.left = `${left}px`;
    this.#tip.style.top = `${y * scale}px`;
  }
}
