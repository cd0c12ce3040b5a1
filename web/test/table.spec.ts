import { expect, filter, open, rows, test, titled } from "./fixture.ts";

test("a connection appears when it is opened, and goes when it is closed", async ({ page, server, listen }) => {
  const echo = await listen();
  await open(page, server);
  await filter(page, `dport = ${echo.port}`);
  await expect(page.locator(".grid-empty")).toBeVisible();
  const s = await echo.connect();
  await expect(rows(page)).toHaveCount(1);
  await expect(rows(page).first()).toContainText(`127.0.0.1:${echo.port}`);
  await expect(rows(page).first()).toContainText("established");
  s.destroy();
  await expect(rows(page).filter({ hasText: "established" })).toHaveCount(0);
});

test("the filter is the server's, and stays in the address", async ({ page, server, listen }) => {
  const [a, b] = [await listen(), await listen()];
  await Promise.all([a.connect(), a.connect(), b.connect()]);
  await open(page, server);
  await filter(page, `dport = ${a.port} or dport = ${b.port}`);
  await expect(rows(page)).toHaveCount(3);
  await filter(page, `dport = ${a.port}`);
  await expect(rows(page)).toHaveCount(2);
  expect(decodeURIComponent(page.url())).toContain(`dport = ${a.port}`.replaceAll(" ", "+"));
  await page.reload();
  await expect(rows(page)).toHaveCount(2); // the address keeps it
});

test.describe(() => {
  test.use({ expected: /400 \(Bad Request\)/ }); // of the filter that is wrong
  test("a filter that is wrong is told next to it, and leaves the rows that are there", async ({ page, server, listen }) => {
    const echo = await listen();
    await echo.connect();
    await open(page, server);
    await filter(page, `dport = ${echo.port}`);
    await expect(rows(page)).toHaveCount(1);
    await filter(page, "dport = elephant and");
    await expect(page.locator(".find-error")).toContainText(/elephant/);
    await expect(rows(page)).toHaveCount(1);
    await page.getByRole("button", { name: "Clear the filter" }).click();
    await expect(page.locator(".find-error")).toHaveText("");
    await expect(page.getByRole("combobox", { name: "Filter" })).toHaveValue("");
  });
});

test("a click on a header sorts, and another turns the order", async ({ page, server, listen }) => {
  const echo = await listen();
  for (let i = 0; i < 4; i++) await echo.connect();
  await open(page, server);
  await filter(page, `dport = ${echo.port}`);
  await expect(rows(page)).toHaveCount(4);
  const ports = async () => (await titled(page, "local")).map((t) => Number(t.split(":")[1]));
  const header = page.getByRole("columnheader", { name: "Local" });
  await header.getByRole("button").click();
  await expect(header).toHaveAttribute("aria-sort", "ascending");
  await expect(async () => { const p = await ports(); expect(p).toEqual([...p].sort((x, y) => x - y)); }).toPass();
  await header.getByRole("button").click();
  await expect(header).toHaveAttribute("aria-sort", "descending");
  await expect(async () => { const p = await ports(); expect(p).toEqual([...p].sort((x, y) => y - x)); }).toPass();
});

test("the details of a row follow it, and say when it is gone", async ({ page, server, listen }) => {
  const echo = await listen();
  const s = await echo.connect();
  await open(page, server);
  await filter(page, `dport = ${echo.port}`);
  await rows(page).first().click();
  const panel = page.getByRole("complementary", { name: "Details" });
  await expect(panel).toContainText(`127.0.0.1:${echo.port}`);
  await expect(panel).toContainText(String(process.pid));
  await expect(panel.getByRole("img", { name: /^Rates since the details are open/ })).toBeVisible();
  s.write(Buffer.alloc(70_000));
  await expect(panel).toContainText(/70\.0 kB/);
  s.destroy();
  await expect(panel).toContainText("It is gone");
});

test("rates are drawn and told", async ({ page, server, listen }) => {
  const echo = await listen();
  const s = await echo.connect();
  const talk = setInterval(() => s.write(Buffer.alloc(20_000)), 100);
  try {
    await open(page, server);
    await filter(page, `dport = ${echo.port}`);
    await expect(page.locator(".c-tx .t").filter({ hasText: /kB\/s/ }).first()).toBeVisible();
    const strip = page.getByRole("img", { name: /^Rates of all interfaces/ });
    await expect(strip).toHaveAttribute("aria-label", /received .* at the end/);
    expect(await strip.locator("canvas").evaluate((c: HTMLCanvasElement) => c.width > 0 && c.height > 0)).toBe(true);
  } finally {
    clearInterval(talk);
  }
});

test("of many rows only those that are seen exist, and all are counted", async ({ page, server, listen }) => {
  const echo = await listen();
  for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 50 }, () => echo.connect()));
  await open(page, server);
  await filter(page, `port = ${echo.port} and state established`);
  const grid = page.getByRole("grid");
  await expect(grid).toHaveAttribute("aria-rowcount", "2001");
  expect(await rows(page).count()).toBeLessThan(60);
  await grid.focus();
  await page.keyboard.press("End");
  await expect(page.locator('.grid-body .row[aria-rowindex="2001"]')).toBeVisible();
});
