import type { App } from "../app.ts";
import type { Mounted } from "../interface.ts";
import { el, icon } from "../dom.ts";
import { plain } from "../format.ts";
import { guesses, suggest, type Suggestion } from "./suggest.ts";
import { icons } from "./icons.ts";

/** The box for the filter language: what it offers is a listbox (ARIA's combobox), and what the server says is next to it. */
export function filterBox(root: HTMLElement, app: App): Mounted {
  const box = new FilterBox(app);
  root.append(box.element);
  const off = app.on("filter", () => box.refresh());
  box.refresh();
  return { unmount: off, focus: () => box.focus() };
}

class FilterBox {
  #input = el("input", {
    type: "text", class: "find-input", role: "combobox", "aria-label": "Filter", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": "suggestions",
    "aria-describedby": "filter-error", autocomplete: "off", autocapitalize: "off", spellcheck: "false", enterkeyhint: "search", placeholder: matchMedia("(max-width: 720px)").matches ? "Filter: nginx, 443 …" : "Filter: nginx, 443, 10.0.0.0/8, state established …",
  });
  #list = el("ul", { class: "suggestions", role: "listbox", id: "suggestions", "aria-label": "Suggestions", hidden: true });
  #error = el("p", { class: "find-error", id: "filter-error", role: "alert" });
  #clear = el("button", { type: "button", class: "quiet clear", "aria-label": "Clear the filter", title: "Clear (Esc)", hidden: true, on: { click: () => this.#apply("") } }, icon(icons.close));
  readonly element = el("form", { class: "find", role: "search" }, el("div", { class: "find-box" }, icon(icons.filter), this.#input, el("kbd", { text: "/" }), this.#clear), this.#list, this.#error);
  #offers: Suggestion[] = [];
  #at = -1;

  constructor(private readonly app: App) {
    this.element.addEventListener("submit", (e) => { e.preventDefault(); this.#enter(); });
    this.#input.addEventListener("input", () => this.#offer());
    this.#input.addEventListener("focus", () => this.#offer());
    this.#input.addEventListener("blur", () => this.#close());
    this.#input.addEventListener("keydown", (e) => this.#key(e));
    this.#list.addEventListener("pointerdown", (e) => this.#picked(e));
  }

  focus(): void { this.#input.focus(); this.#input.select(); }

  refresh(): void {
    if (document.activeElement !== this.#input || !this.app.filterError) this.#input.value = this.app.filter;
    this.#clear.hidden = !this.app.filter;
    this.element.classList.toggle("wrong", !!this.app.filterError);
    this.#error.textContent = this.app.filterError ? plain(this.app.filterError) : "";
  }

  #apply(text: string): void {
    this.#input.value = text;
    this.#close();
    this.app.filter = text;
    this.refresh();
  }

  // A bare word is no expression; what it most likely means is taken.
  #enter(): void {
    const text = this.#input.value;
    this.#apply(guesses(text, this.app.full)[0]?.text ?? text);
  }

  #key(e: KeyboardEvent): void {
    if (e.key === "ArrowDown" || e.key === "ArrowUp") this.#move(e.key === "ArrowDown" ? 1 : -1);
    else if ((e.key === "Enter" || e.key === "Tab") && this.#at >= 0) this.#pick(this.#offers[this.#at]!);
    else if (e.key === "Escape" && !this.#list.hidden) this.#close();
    else if (e.key === "Escape") { this.#input.value = this.app.filter; this.#input.blur(); return; }
    else return;
    e.preventDefault();
    e.stopPropagation();
  }

  #move(by: number): void {
    if (this.#list.hidden) return this.#offer();
    const n = this.#offers.length;
    this.#at = n ? (this.#at + by + n + (this.#at < 0 && by < 0 ? 1 : 0)) % n : -1;
    this.#mark();
  }

  #offer(): void {
    this.#offers = suggest(this.#input.value, (field) => frequent(this.app, field), this.app.full);
    this.#at = -1;
    this.#list.replaceChildren(...this.#offers.map((s, i) => el("li", { role: "option", id: `suggestion-${i}`, "data-i": i },
      el("span", { class: "mono", text: plain(s.show) }), el("span", { class: "hint", text: s.hint }))));
    this.#list.hidden = this.#offers.length === 0;
    this.#mark();
  }

  #mark(): void {
    this.#input.setAttribute("aria-expanded", String(!this.#list.hidden));
    [...this.#list.children].forEach((li, i) => {
      li.setAttribute("aria-selected", String(i === this.#at));
      if (i === this.#at) li.scrollIntoView({ block: "nearest" });
    });
    if (this.#at >= 0) this.#input.setAttribute("aria-activedescendant", `suggestion-${this.#at}`);
    else this.#input.removeAttribute("aria-activedescendant");
  }

  #close(): void {
    this.#list.hidden = true;
    this.#at = -1;
    this.#mark();
  }

  #picked(e: PointerEvent): void {
    const li = (e.target as Element).closest("li");
    if (!li) return;
    e.preventDefault(); // the input keeps the focus
    this.#pick(this.#offers[Number(li.dataset.i)]!);
  }

  // An example or a guess is whole, and applied; a word goes on.
  #pick(s: Suggestion): void {
    if (s.show === s.text) return this.#apply(s.text);
    this.#input.value = s.text;
    this.#input.setSelectionRange(s.cursor, s.cursor);
    this.#offer();
  }
}

/** Values of a field that rows have now, the most frequent first. */
function frequent(app: App, field: string): string[] {
  const counts = new Map<string, number>();
  const add = (v: string | number | undefined) => { if (v !== undefined && v !== "") counts.set(String(v), (counts.get(String(v)) ?? 0) + 1); };
  for (const s of app.tables.sockets.rows.values()) {
    switch (field) {
      case "process": add(s.owners?.[0]?.name); break;
      case "pid": add(s.owners?.[0]?.pid); break;
      case "user": add(s.user); break;
      case "unit": add(s.module); break;
      case "dev": add(s.interface); break;
      case "country": add(s.geo?.country); break;
      case "city": add(s.geo?.city); break;
      case "isp": add(s.geo?.isp ?? s.geo?.org); break;
      case "asn": add(s.geo?.asn); break;
      case "dport": add(s.remote_port || undefined); break;
      case "sport": case "port": add(s.local_port || undefined); break;
      case "dst": if (s.remote_port) add(s.remote_addr); break;
      case "src": add(s.local_addr); break;
      case "congestion": add(s.congestion); break;
      case "netns": add(s.netns); break;
    }
  }
  return [...counts].sort((a, b) => b[1] - a[1]).slice(0, 50).map(([v]) => v);
}

/** A box that looks for text in the rows of a table, while somebody writes. */
export function findBox(root: HTMLElement, label: string, value: string, changed: (text: string) => void): Mounted {
  const input = el("input", { type: "search", class: "find-input", "aria-label": label, placeholder: label + " …", autocomplete: "off", spellcheck: "false", on: { input: () => changed(input.value) } });
  input.value = value;
  input.addEventListener("keydown", (e) => { if (e.key === "Escape" && !input.value) input.blur(); });
  root.append(el("form", { class: "find", role: "search", on: { submit: (e: Event) => e.preventDefault() } }, el("div", { class: "find-box" }, icon(icons.find), input, el("kbd", { text: "/" }))));
  return { unmount() {}, focus: () => { input.focus(); input.select(); } };
}
