import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "@playwright/test";
import { expect, filter, go, live, open, rows, test, views } from "./fixture.ts";

test.use({ serve: { history: true } });

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds wrong, in a line each. */
async function faults(page: Page): Promise<string[]> {
  await page.evaluate(axe); // as the tests' own script, which the page's policy does not bind
  return page.evaluate(async () => {
    const { violations } = await (globalThis as any).axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return violations.map((v: any) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n: any) => n.target.join(" ") + " " + n.failureSummary).join(" | ")}`);
  });
}

for (const scheme of ["light", "dark"] as const) {
  test(`nothing is wrong by axe in any view: ${scheme}`, async ({ page, server, listen }) => {
    const echo = await listen();
    await (await echo.connect()).write("hello");
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await open(page, server);
    for (const view of await views(page)) {
      await go(page, view);
      await page.waitForTimeout(300);
      expect.soft(await faults(page), `${view}, ${scheme}`).toEqual([]);
    }
    await go(page, "connections");
    await rows(page).first().click();
    expect.soft(await faults(page), `details, ${scheme}`).toEqual([]);
    await page.keyboard.press("?");
    expect.soft(await faults(page), `help, ${scheme}`).toEqual([]);
  });
}

test("the theme is the system's until another is chosen, and that is kept", async ({ page, server }) => {
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: "light" });
  await open(page, server);
  const light = await ground();
  await page.emulateMedia({ colorScheme: "dark" });
  await expect.poll(ground).not.toBe(light);
  const dark = await ground();
  await page.keyboard.press("t"); // light
  await expect.poll(ground).toBe(light);
  await page.reload();
  await live(page);
  expect(await ground()).toBe(light);
  await page.keyboard.press("t"); // dark
  await expect.poll(ground).toBe(dark);
});

test.describe("on a phone", () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test("every view fits, and nothing is wrong by axe", async ({ page, server, listen }) => {
    const echo = await listen();
    await echo.connect();
    await open(page, server);
    for (const view of await views(page)) {
      await go(page, view);
      await page.waitForTimeout(300);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect.soft(wide, `${view} is wider than the screen`).toBeLessThanOrEqual(0);
      expect.soft(await faults(page), view).toEqual([]);
    }
    await go(page, "connections");
    await filter(page, `dport = ${echo.port}`);
    await rows(page).first().tap();
    await expect(page.getByRole("complementary", { name: "Details" })).toBeVisible();
    await page.getByRole("button", { name: "Close the details" }).tap();
    await expect(page.getByRole("complementary", { name: "Details" })).toBeHidden();
  });
});
