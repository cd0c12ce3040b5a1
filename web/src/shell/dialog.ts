import { el } from "../dom.ts";

/** Asks before something is done. Answers whether it shall be. */
export function confirm(title: string, text: string, yes: string, facts: string[] = []): Promise<boolean> {
  const dialog = el("dialog", { class: "dialog", "aria-labelledby": "dialog-title" },
    el("form", { method: "dialog" }, el("h2", { id: "dialog-title", text: title }), el("p", { text }),
      facts.length > 0 && el("ul", { class: "facts-list mono" }, ...facts.map((f) => el("li", { text: f }))),
      el("div", { class: "dialog-buttons" }, el("button", { value: "no", class: "plain", text: "Cancel", autofocus: true }), el("button", { value: "yes", class: "danger", text: yes }))));
  return opened(dialog, () => dialog.returnValue === "yes");
}

/** Asks for the token, and tries it with open, which throws where it is wrong. Answers whether it was taken. */
export function askToken(why: string, open: (token: string) => Promise<void>): Promise<boolean> {
  const input = el("input", { type: "password", id: "token", autocomplete: "off", required: true, spellcheck: "false", autofocus: true });
  const wrong = el("p", { class: "find-error", role: "alert" });
  let taken = false;
  const dialog = el("dialog", { class: "dialog", "aria-labelledby": "dialog-title" });
  const form = el("form", {},
    el("h2", { id: "dialog-title", text: "Open with the token" }), el("p", { text: why }),
    el("p", {}, "On the machine, ", el("code", { text: "sockeye serve status" }), " prints an address that has the token in it. Open that, or put the token here."),
    el("label", { for: "token", text: "Token" }), input, wrong,
    el("div", { class: "dialog-buttons" }, el("button", { type: "button", class: "plain", text: "Cancel", on: { click: () => dialog.close() } }), el("button", { class: "primary", text: "Open" })));
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    try {
      await open(tokenIn(input.value));
      taken = true;
      dialog.close();
    } catch (err) {
      wrong.textContent = (err as Error).message;
    }
  });
  dialog.append(form);
  return opened(dialog, () => taken);
}

// Somebody may paste the whole address.
function tokenIn(text: string): string {
  return /#token=([^&\s]+)/.exec(text)?.[1] ?? text.trim();
}

/** Shows a dialog until it is closed, and gives the focus back. */
export function opened(dialog: HTMLDialogElement, answer: () => boolean): Promise<boolean> {
  document.body.append(dialog);
  const from = document.activeElement as HTMLElement | null;
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => {
    dialog.remove();
    from?.focus();
    done(answer());
  }));
}

const keys: [string, string][] = [
  ["1 – 9", "views"], ["/", "filter, or find"], ["↑ ↓  j k", "row up, row down"], ["PgUp PgDn Home End", "further"], ["Enter", "details of the row"],
  ["Esc", "close the details, the list, the box"], ["c", "copy the row"], ["p", "hold the order still, go on"], ["t", "theme"], ["?", "this"],
];

/** Shows the keys. */
export function help(version: string): void {
  const dialog = el("dialog", { class: "dialog help", "aria-labelledby": "dialog-title" },
    el("form", { method: "dialog" }, el("h2", { id: "dialog-title", text: "Keys" }),
      el("dl", { class: "keys" }, ...keys.flatMap(([k, what]) => [el("dt", {}, ...k.split(/\s+/).map((w) => w === "–" ? w : el("kbd", { text: w }))), el("dd", { text: what })])),
      el("h2", { text: "The filter" }),
      el("p", {}, "As in the command: ", el("code", { text: "sockeye list --help" }), ". Comparisons with ", el("code", { text: "= != < > ~" }), ", joined by ", el("code", { text: "and or not ( )" }), ". A word alone, such as nginx or 443, is taken for a process or a port."),
      el("p", { class: "weak" }, version && `sockeye ${version}. `, el("a", { href: "api/openapi.json", target: "_blank", rel: "noopener", text: "Description of the interface" }), " · ", el("a", { href: "LICENSES.txt", target: "_blank", rel: "noopener", text: "Licences" })),
      el("div", { class: "dialog-buttons" }, el("button", { class: "primary", text: "Close", autofocus: true }))));
  void opened(dialog, () => true);
}
