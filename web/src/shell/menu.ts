import { el, icon } from "../dom.ts";

export interface MenuItem { text: string; hint?: string | undefined; checked?: boolean; keep?: boolean; pick(): void }

/** A button with a menu. It is a popover: the browser closes it on Esc, and when something else is done. */
export function menu(label: string, path: string, items: () => MenuItem[]): HTMLElement {
  const list = el("div", { class: "menu", role: "menu", "aria-label": label, popover: "auto" });
  const button = el("button", { type: "button", class: "quiet", "aria-haspopup": "menu", "aria-expanded": "false", title: label, "aria-label": label }, icon(path), el("span", { text: label }));
  button.popoverTargetElement = list;
  const fill = () => list.replaceChildren(...items().map((item) => el("button", {
    type: "button", tabindex: -1, role: item.checked === undefined ? "menuitem" : "menuitemcheckbox", "aria-checked": item.checked === undefined ? undefined : String(item.checked), title: item.hint,
    on: { click: (e: Event) => pick(e, item) },
  }, el("span", { text: item.text }))));
  const pick = (e: Event, item: MenuItem) => {
    item.pick();
    if (!item.keep) return list.hidePopover();
    const at = [...list.children].indexOf(e.currentTarget as Element);
    fill();
    (list.children[at] as HTMLElement).focus();
  };
  list.addEventListener("beforetoggle", (e) => { if ((e as ToggleEvent).newState === "open") fill(); });
  list.addEventListener("toggle", (e) => {
    const open = (e as ToggleEvent).newState === "open";
    button.setAttribute("aria-expanded", String(open));
    if (!open) return;
    beside(list, button);
    (list.firstElementChild as HTMLElement | null)?.focus();
  });
  list.addEventListener("keydown", (e) => {
    if (e.key !== "ArrowDown" && e.key !== "ArrowUp") return;
    step(list, e.key === "ArrowDown" ? 1 : -1);
    e.preventDefault();
    e.stopPropagation();
  });
  return el("div", { class: "menu-box" }, button, list);
}

function beside(list: HTMLElement, button: HTMLElement): void {
  const b = button.getBoundingClientRect();
  list.style.top = `${b.bottom + 4}px`;
  list.style.left = `${Math.max(8, Math.min(b.right - list.offsetWidth, innerWidth - list.offsetWidth - 8))}px`;
  list.style.maxHeight = `${innerHeight - b.bottom - 16}px`;
}

function step(list: HTMLElement, by: number): void {
  const all = [...list.children] as HTMLElement[];
  all[(all.indexOf(document.activeElement as HTMLElement) + by + all.length) % all.length]?.focus();
}
