import { expect, open, rows, test } from "./fixture.ts";

test("everything that the page is for works with the keyboard alone", async ({ page, server, listen }) => {
  const echo = await listen();
  await Promise.all([echo.connect(), echo.connect(), echo.connect()]);
  await open(page, server);
  await page.keyboard.press("/");
  await expect(page.getByRole("combobox", { name: "Filter" })).toBeFocused();
  await page.keyboard.type(`dport = ${echo.port}`);
  await page.keyboard.press("Enter");
  await expect(rows(page)).toHaveCount(3);

  await page.keyboard.press("Escape"); // the list of suggestions
  await page.keyboard.press("Escape"); // the box
  await page.keyboard.press("1");
  await expect(page.getByRole("grid")).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await expect(page.locator('.grid-body .row[aria-selected="true"]')).toHaveAttribute("aria-rowindex", "3");
  await expect(page.getByRole("grid")).toHaveAttribute("aria-activedescendant", await page.locator('.row[aria-selected="true"]').getAttribute("id") ?? "none");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("complementary", { name: "Details" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("complementary", { name: "Details" })).toBeHidden();
  await expect(page.getByRole("grid")).toBeFocused();
});

test("views have numbers, and the keys are told", async ({ page, server }) => {
  await open(page, server);
  const links = page.getByRole("navigation", { name: "Views" }).getByRole("link");
  const n = await links.count();
  expect(n).toBeGreaterThan(5);
  for (let i = n; i >= 1; i--) {
    await page.keyboard.press(String(i));
    await expect(links.nth(i - 1)).toHaveAttribute("aria-current", "page");
  }
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keys" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
});

test("who goes by Tab comes through all of it, and sees where the focus is", async ({ page, server }) => {
  await open(page, server);
  const seen = new Set<string>();
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press("Tab");
    const what = await page.evaluate(() => {
      const e = document.activeElement!;
      const s = getComputedStyle(e);
      const around = e.parentElement ? getComputedStyle(e.parentElement) : s;
      const marked = [s, around].some((x) => x.outlineStyle !== "none" && parseFloat(x.outlineWidth) > 0) || e === document.body;
      return { name: `${e.tagName}.${e.className}`, marked };
    });
    expect(what.marked, `the focus is not seen on ${what.name}`).toBe(true);
    seen.add(what.name);
  }
  for (const part of ["find-input", "grid", "quiet"]) expect([...seen].some((name) => name.includes(part)), part).toBe(true);
});
