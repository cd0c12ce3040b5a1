import { el } from "../dom.ts";

/** Facts is a list of names and values. It is brought up to date in place, so that what somebody selects stays selected. */
export class Facts {
  readonly element = el("section", { class: "facts" });
  #list = el("dl");
  #values = new Map<string, HTMLElement>();

  constructor(title: string) { this.element.append(el("h3", { text: title }), this.#list); }

  /** Shows these; empty values are left out. */
  show(facts: [name: string, value: string | undefined][]): void {
    const had = facts.filter((f): f is [string, string] => !!f[1]);
    this.element.hidden = had.length === 0;
    if ([...this.#values.keys()].join("\n") !== had.map(([name]) => name).join("\n")) this.#rebuild(had.map(([name]) => name));
    for (const [name, value] of had) {
      const dd = this.#values.get(name)!;
      if (dd.textContent !== value) dd.textContent = value;
    }
  }

  #rebuild(names: string[]): void {
    this.#values.clear();
    this.#list.replaceChildren(...names.flatMap((name) => {
      const dd = el("dd");
      this.#values.set(name, dd);
      return [el("dt", { text: name }), dd];
    }));
  }
}
