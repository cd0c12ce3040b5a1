export type Theme = "system" | "light" | "dark";

const key = "sockeye.theme";

/** The viewer's choice; that of the system where there is none. */
export function storedTheme(): Theme {
  try {
    const t = localStorage.getItem(key);
    return t === "light" || t === "dark" ? t : "system";
  } catch { // storage may be switched off
    return "system";
  }
}

export function applyTheme(t: Theme): void {
  if (t === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = t;
}

export function chooseTheme(t: Theme): void {
  applyTheme(t);
  try {
    if (t === "system") localStorage.removeItem(key);
    else localStorage.setItem(key, t);
  } catch { /* it holds until the page is loaded again */ }
}

/** A resolver of the colours of the theme: a canvas does not know variables. */
export function colours(): (name: string) => string {
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  return (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
}
