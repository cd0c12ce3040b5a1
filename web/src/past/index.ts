import type { Mounted, Page, View } from "../interface.ts";

/** The view of the history: groups, what listened. */
export const historyView: View = {
  name: "history", title: "History", full: true, offered: () => false,
  mount() { return { unmount() {} }; },
};

/** The view of what is new. */
export const newsView: View = {
  name: "new", title: "What is new", full: true, offered: () => false,
  mount() { return { unmount() {} }; },
};

/** The time slider under the filter, for views of sockets. It stays empty where nothing is recorded. */
export function slider(_root: HTMLElement, _page: Page): Mounted {
  return { unmount() {} };
}
