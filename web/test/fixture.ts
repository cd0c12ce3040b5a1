import { expect, test as base, type Locator, type Page } from "@playwright/test";
import { Echo, Server, until, type Options } from "./server.ts";

interface Fixtures {
  /** How the server is started; test.use({ serve: {...} }). */
  serve: Options;
  server: Server;
  /** Makes listeners that end with the test. */
  listen(addr?: string, port?: number): Promise<Echo>;
  /** Lines in the browser's console that are expected, such as those of a server that is away. */
  expected: RegExp;
}

/** Every test has a server of its own; no page may say anything in the console, or break the server's policy (CSP). */
export const test = base.extend<Fixtures>({
  serve: [{}, { option: true }],
  expected: [/^$/, { option: true }],
  server: async ({ serve }, use) => {
    const server = await Server.start(serve);
    await use(server);
    await server.stop();
  },
  listen: async ({}, use) => {
    const all: Echo[] = [];
    await use(async (addr, port) => {
      const e = await Echo.listen(addr, port);
      all.push(e);
      return e;
    });
    for (const e of all) await e.close();
  },
  // It takes the server, and so is over before that goes away.
  page: async ({ page, expected, server: _ }, use) => {
    const said: string[] = [];
    page.on("console", (m) => { if (["error", "warning"].includes(m.type())) said.push(`${m.type()}: ${m.text()}`); });
    page.on("pageerror", (err) => said.push(`thrown: ${err.stack ?? err}`));
    await page.addInitScript(() => document.addEventListener("securitypolicyviolation", (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`)));
    await use(page);
    expect(said.filter((text) => !expected.test(text)), "what the page said in the console").toEqual([]);
  },
});

export { expect, until };

/** Opens the page with the token, and waits for the first reading. */
export async function open(page: Page, server: Server, place = ""): Promise<void> {
  await page.goto(server.full);
  await live(page);
  if (place) {
    await page.evaluate((hash) => { location.hash = hash; }, place);
  }
}

/** Waits until the page shows what is now. */
export async function live(page: Page): Promise<void> {
  await expect(page.locator(".live.on")).toBeVisible();
}

/** Goes to a view by its name. */
export async function go(page: Page, view: string): Promise<void> {
  await page.locator(`.nav a[href="#/${view}"]`).click();
  await expect(page.locator(`main.view-${view}`)).toBeVisible();
}

/** The names of the views that the page offers. */
export async function views(page: Page): Promise<string[]> {
  return page.locator(".nav a").evaluateAll((all) => all.map((a) => a.getAttribute("href")!.slice(2)));
}

/** The rows of the table that are in the document. */
export function rows(page: Page): Locator { return page.locator(".grid-body .row:not([hidden])"); }

/** What stands in a column, from above, by the column's name. */
export async function titled(page: Page, column: string): Promise<string[]> {
  const all = await rows(page).evaluateAll((list, name) => list.map((r) => ({
    index: Number(r.getAttribute("aria-rowindex")), text: r.querySelector(`.c-${name} .t`)!.textContent!,
  })), column);
  return all.sort((a, b) => a.index - b.index).map((r) => r.text);
}

/** Types a filter and takes it. */
export async function filter(page: Page, text: string): Promise<void> {
  const box = page.getByRole("combobox", { name: "Filter" });
  await box.fill(text);
  await box.press("Enter");
  await box.blur();
}
