// Makes elements. Text is always text: nothing here, or anywhere on the page, takes HTML.

type Child = Node | string | undefined | false;
type Props = { class?: string; text?: string; on?: Record<string, (event: any) => void> } & Record<string, unknown>;

/** Makes an element: attributes by their names, `class`, `text`, and `on` for listeners. False and undefined are left out. */
export function el<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const e = document.createElement(tag);
  setProps(e, props);
  for (const c of children) if (c) e.append(c);
  return e;
}

function setProps(e: Element, { text, on, ...rest }: Props) {
  for (const [name, value] of Object.entries(rest)) {
    if (value !== undefined && value !== false) e.setAttribute(name, value === true ? "" : String(value));
  }
  if (text !== undefined) e.textContent = text;
  for (const [name, call] of Object.entries(on ?? {})) e.addEventListener(name, call);
}

/** An icon of 16 by 16, drawn with lines. */
export function icon(path: string): SVGSVGElement {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  setProps(svg, { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true" });
  const p = document.createElementNS(ns, "path");
  p.setAttribute("d", path);
  svg.append(p);
  return svg;
}
