import { el } from "../dom.ts";
import type { Page } from "../interface.ts";
import { formatPeriod, parsePeriod, periods, toInput, type Period } from "./time.ts";

const usual = "24h";

/** Chooses a period: by name, or by two moments. It stands in the address as `time`. */
export class PeriodPicker {
  readonly element = el("div", { class: "past-period", role: "group", "aria-label": "Period" });
  #select = el("select", { "aria-label": "Period" });
  #from = el("input", { type: "datetime-local", step: 1, "aria-label": "From" });
  #to = el("input", { type: "datetime-local", step: 1, "aria-label": "To" });
  #custom = el("span", { class: "past-custom" }, this.#from, " – ", this.#to);
  #page: Page;
  #changed: () => void;

  constructor(page: Page, changed: () => void) {
    this.#page = page;
    this.#changed = changed;
    for (const [name, { text }] of Object.entries(periods)) this.#select.append(el("option", { value: name, text }));
    this.#select.append(el("option", { value: "", text: "From – to" }));
    this.#select.addEventListener("change", () => this.#named());
    for (const input of [this.#from, this.#to]) input.addEventListener("change", () => this.#typed());
    this.element.append(this.#select, this.#custom);
    this.#show();
  }

  get period(): Period {
    const now = new Date();
    return parsePeriod(this.#page.param("time"), now) ?? periods[usual]!.of(now);
  }

  /** Sets a period that was chosen elsewhere. */
  set(p: Period): void {
    this.#page.setParam("time", formatPeriod(p));
    this.#show();
    this.#changed();
  }

  #show(): void {
    const name = this.#page.param("time") ?? usual;
    const custom = !Object.hasOwn(periods, name);
    this.#select.value = custom ? "" : name;
    this.#custom.hidden = !custom;
    const { from, to } = this.period;
    this.#from.value = toInput(from);
    this.#to.value = toInput(to);
  }

  #named(): void {
    if (!this.#select.value) return this.set(this.period);
    this.#page.setParam("time", this.#select.value === usual ? undefined : this.#select.value);
    this.#show();
    this.#changed();
  }

  #typed(): void {
    const [from, to] = [new Date(this.#from.value).getTime(), new Date(this.#to.value).getTime()];
    if (from < to) this.set({ from, to });
  }
}
