import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import "./charts.css";
import { el } from "../dom.ts";
import { moment, rate } from "../format.ts";
import type { Page, RateChart, RateChartOptions } from "../interface.ts";
import { summary, tick } from "./summary.ts";

/** What a chart may do besides: show a fixed time, and have a part of it chosen by the pointer. Seconds since 1970. */
export interface Options extends RateChartOptions {
  from?: number;
  to?: number;
  /** A value holds until the next, as sums over a slot of time do. */
  stepped?: boolean;
  /** Called with the part that a person has drawn a box over; without it the chart shows that part itself. */
  chosen?(from: number, to: number): void;
}

const least = 60; // seconds that a live chart spans at least, so that the first readings are not drawn as hours
const quiet = 1000; // bytes a second that the scale reaches at least, so that a few bytes do not look like much

/** Draws what is received and sent over time into root, as wide as that is. set() draws new values; destroy() takes all back. */
export function rateChart(root: HTMLElement, page: Page, options: Options): RateChart {
  const legend = el("div", { class: "chart-legend", "aria-hidden": "true" });
  const canvas = el("div", { class: "chart-canvas", role: "img", "aria-label": options.label });
  const box = el("div", { class: options.compact ? "chart compact" : "chart" }, !options.compact && legend, canvas);
  root.append(box);

  let data: uPlot.AlignedData = [[], [], []];
  let plot: uPlot | undefined;
  const told = legendOf(legend);
  const size = () => ({ width: Math.floor(canvas.clientWidth), height: options.height });
  const tell = (i: number | null | undefined) => {
    const at = i ?? data[0].length - 1;
    told(i === null || i === undefined ? undefined : data[0][at], data[1]![at], data[2]![at]);
  };
  // Something that is not shown has no width, and uPlot cannot draw into nothing.
  const fit = () => {
    const { width, height } = size();
    if (width <= 0) return;
    if (plot) plot.setSize({ width, height });
    else plot = new uPlot({ ...settings(page, options, tell), width, height }, data, canvas);
  };
  const observer = new ResizeObserver(fit);
  observer.observe(canvas);
  const off = page.on("theme", () => plot?.redraw(false, true));
  fit();
  return {
    set(time, rx, tx) {
      data = [time, rx, tx];
      plot?.setData(data);
      canvas.setAttribute("aria-label", summary(options.label, time, rx, tx));
      tell(plot?.cursor.idx);
    },
    destroy() {
      off();
      observer.disconnect();
      plot?.destroy();
      box.remove();
    },
  };
}

/** What stands above the chart: the values under the pointer, or the last ones. */
function legendOf(root: HTMLElement): (time: number | undefined, rx?: number | null, tx?: number | null) => void {
  const received = el("span", { class: "chart-value" });
  const sent = el("span", { class: "chart-value" });
  const when = el("span", { class: "chart-when" });
  root.append(el("span", { class: "chart-key rx", text: "received" }), received, el("span", { class: "chart-key tx", text: "sent" }), sent, when);
  const say = (v?: number | null) => (v === null || v === undefined ? "–" : rate(v) || "0");
  return (time, rx, tx) => {
    received.textContent = say(rx);
    sent.textContent = say(tx);
    when.textContent = time === undefined ? "" : moment(new Date(time * 1000));
  };
}

type Settings = Omit<uPlot.Options, "width" | "height">;

function settings(page: Page, options: Options, tell: (i: number | null | undefined) => void): Settings {
  return {
    legend: { show: false },
    padding: options.compact ? [2, 0, 2, 0] : [8, 12, 0, 0],
    cursor: cursor(options),
    select: { show: !options.compact, left: 0, top: 0, width: 0, height: 0 },
    scales: {
      x: { time: true, range: (u, min, max) => range(options, u.data[0], min, max) },
      y: { range: (_, __, max) => [0, Math.max(quiet, (max ?? 0) * 1.1)] },
    },
    axes: options.compact ? [{ show: false }, { show: false }] : axes(page),
    series: [{}, line(page, options, "--rx"), line(page, options, "--tx")],
    hooks: {
      setCursor: [(u) => tell(u.cursor.idx)],
      setSelect: [(u) => choose(u, options)],
    },
  };
}

function cursor(options: Options): uPlot.Cursor {
  if (options.compact) return { show: false };
  return { y: false, points: { size: 6 }, drag: { x: true, y: false, setScale: !options.chosen } };
}

function choose(u: uPlot, { chosen }: Options) {
  if (!chosen || u.select.width < 4) return;
  const [from, to] = [u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")];
  u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  chosen(from, to);
}

function range({ from, to, chosen }: Options, data: ArrayLike<number>, min: number | null, max: number | null): uPlot.Range.MinMax {
  if (from !== undefined && to !== undefined && (chosen || min === null || max === null)) return [from, to];
  // Of one value uPlot makes a thousand days.
  const end = data.length > 1 ? max! : data.length === 1 ? data[0]! : Date.now() / 1000;
  return [Math.min(data.length > 1 ? min! : end, end - least), end];
}

function line(page: Page, { stepped }: Options, colour: string): uPlot.Series {
  return {
    stroke: () => page.colour(colour),
    fill: () => faint(page.colour(colour)),
    width: 1.5,
    points: { show: false },
    paths: stepped ? uPlot.paths.stepped!({ align: 1 }) : uPlot.paths.linear!(),
    spanGaps: false,
  };
}

/** A colour as one sees through it. The canvas takes color-mix where style sheets do. */
function faint(colour: string): string { return `color-mix(in srgb, ${colour} 14%, transparent)`; }

// uPlot names hours by twelve unless it is told otherwise. The second line is the date, where another one begins.
const day = "\n{YYYY}-{MM}-{DD}";
const times: uPlot.Axis["values"] = [
  [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", day, null, day, null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", day, null, day, null, null, null, 1],
];

function axes(page: Page): uPlot.Axis[] {
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const look = {
    font,
    stroke: () => page.colour("--weak"),
    grid: { stroke: () => page.colour("--line"), width: 1 },
    ticks: { show: false },
  };
  return [
    { ...look, grid: { show: false }, values: times, space: 80, size: 34, gap: 6 },
    { ...look, values: (_, splits) => splits.map(tick), size: 68, gap: 6, space: 34 },
  ];
}
