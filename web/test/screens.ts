import { mkdirSync } from "node:fs";
import type { Page } from "@playwright/test";
import { expect, filter, go, live, open, test } from "./fixture.ts";
import { play } from "./scene/scene.ts";

// The pictures of the README, of a machine that is made up: npm run screens.
const dir = process.env.SCREENS ?? new URL("../../docs/screens/", import.meta.url).pathname;
const warm = Number(process.env.WARM ?? 75); // seconds that the machine runs before, so that charts have something to show

test.use({ serve: { history: true, args: ["--history-learn", "20s"] } });

test("the pictures", async ({ page, server, browser }) => {
  test.setTimeout((warm + 120) * 1000);
  mkdirSync(dir, { recursive: true });
  const scene = await play(server.dir);
  try {
    await page.setViewportSize({ width: 1280, height: 760 });
    await page.emulateMedia({ colorScheme: "dark" });
    await open(page, server);
    await page.evaluate(() => { location.hash = "#/connections?columns=process,proto,state,local,remote,place,rx,tx,received,sent,since"; });
    await page.reload(); // a view reads its columns when it is mounted
    await live(page);
    await filter(page, "not dst 127.0.0.0/8");
    await page.getByRole("combobox", { name: "Length of the slider" }).selectOption("600");
    await page.waitForTimeout(warm * 1000);
    scene.start("xmr-miner", { line: "xmr-miner --config pool.json", listen: [["0.0.0.0", 4444]], connect: [["30.2.5.12", 443, 900, 4000]] });
    await page.waitForTimeout(8000);
    await picture(page, "connections");
    await page.emulateMedia({ colorScheme: "light" });
    await go(page, "map");
    await picture(page, "map");
    await go(page, "history");
    await page.getByRole("combobox", { name: "Period" }).selectOption("10m");
    await page.getByRole("button", { name: "Hosts", exact: true }).first().click();
    await page.waitForTimeout(1000);
    await picture(page, "history");
    await go(page, "new");
    await picture(page, "new");
    await phone();
  } finally {
    scene.stop();
  }

  async function phone(): Promise<void> {
    const context = await browser.newContext({ viewport: { width: 390, height: 760 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, colorScheme: "dark" });
    const small = await context.newPage();
    await small.goto(server.full);
    await live(small);
    await filter(small, "not dst 127.0.0.0/8");
    await small.waitForTimeout(6000);
    await picture(small, "phone");
    await context.close();
  }
});

async function picture(page: Page, name: string): Promise<void> {
  await expect(page.locator(".live.on")).toBeVisible();
  await page.waitForTimeout(1500);
  await page.screenshot({ path: `${dir}/${name}.png` });
}
