import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { expect, filter, go, live, open, rows, test, titled, until } from "./fixture.ts";
import type { Server } from "./server.ts";

/** Picks from a menu over the table. */
async function pick(page: Page, menu: string, item: string): Promise<void> {
  await page.getByRole("button", { name: menu, exact: true }).click();
  await page.getByRole("menu", { name: menu }).getByText(item, { exact: true }).click();
}

/** What is saved from the export menu: the name of the file, and what is in it. */
async function saved(page: Page, item: string): Promise<{ name: string; content: string }> {
  const [file] = await Promise.all([page.waitForEvent("download"), pick(page, "Export", item)]);
  return { name: file.suggestedFilename(), content: readFileSync(await file.path(), "utf8") };
}

/** The clipboard, which this page may use. */
async function clipboard(page: Page): Promise<string> { return page.evaluate(() => navigator.clipboard.readText()); }

async function readings(server: Server, n: number): Promise<void> {
  const { seq } = await server.get("api/status");
  await until("it was read again", async () => (await server.get("api/status")).seq >= seq + n);
}

test("a file of CSV has the columns and rows that are shown, in their order", async ({ page, server, listen }) => {
  const echo = await listen();
  for (let i = 0; i < 3; i++) await echo.connect();
  await open(page, server);
  await filter(page, `dport = ${echo.port}`);
  await page.getByRole("columnheader", { name: "Local" }).getByRole("button").click();
  await expect(rows(page)).toHaveCount(3);
  const { name, content } = await saved(page, "Save as CSV");
  expect(name).toMatch(/^sockeye-connections-\d{4}-\d\d-\d\dT\d{6}\.csv$/);
  const [head, ...lines] = content.trimEnd().split("\r\n").map((line) => line.split(","));
  expect(lines.map((l) => l[head!.indexOf("local")])).toEqual(await titled(page, "local"));
  expect(lines.map((l) => l[head!.indexOf("remote")])).toEqual(await titled(page, "remote"));
  const shown = await rows(page).first().locator(".cell").evaluateAll((all) => all.map((c) => /\bc-(\S+)/.exec(c.className)![1]));
  expect(head).toEqual(shown);
});

test("a file of JSON has the rows that are shown, as the server tells them", async ({ page, server, listen }) => {
  const echo = await listen();
  for (let i = 0; i < 3; i++) await echo.connect();
  await open(page, server);
  await filter(page, `dport = ${echo.port}`);
  await page.getByRole("columnheader", { name: "Local" }).getByRole("button").click();
  await expect(rows(page)).toHaveCount(3);
  const { name, content } = await saved(page, "Save as JSON");
  expect(name).toMatch(/\.json$/);
  const list = JSON.parse(content);
  expect(list.map((s: any) => `${s.local_addr}:${s.local_port}`)).toEqual(await titled(page, "local"));
  for (const s of list) {
    expect(s).toMatchObject({ proto: "tcp", remote_addr: "127.0.0.1", remote_port: echo.port });
    expect(s.owners[0].pid).toBe(process.pid);
  }
});

test("an empty table saves a head without rows", async ({ page, server, listen }) => {
  const echo = await listen();
  await open(page, server);
  await filter(page, `dport = ${echo.port}`);
  await expect(page.locator(".grid-empty")).toBeVisible();
  expect((await saved(page, "Save as CSV")).content).toMatch(/^[a-z_,]+\r\n$/);
  expect(JSON.parse((await saved(page, "Save as JSON")).content)).toEqual([]);
});

test.describe("with the clipboard", () => {
  test.use({ permissions: ["clipboard-read", "clipboard-write"] });

  test("a row is copied by its key as it is read, and all by the menu", async ({ page, server, listen }) => {
    const echo = await listen();
    await Promise.all([echo.connect(), echo.connect()]);
    await open(page, server);
    await filter(page, `dport = ${echo.port}`);
    await expect(rows(page)).toHaveCount(2);
    await page.getByRole("columnheader", { name: "Local" }).getByRole("button").click();
    await page.getByRole("grid").focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("c");
    await expect(page.locator(".toast")).toHaveText("the row is copied");
    const copied = (await clipboard(page)).split("\t");
    for (const text of [(await titled(page, "local"))[0]!, `127.0.0.1:${echo.port}`, "established"]) expect(copied).toContain(text);
    expect(copied.join(" ")).toContain(String(process.pid));

    await pick(page, "Export", "Copy as text");
    await expect(page.locator(".toast")).toHaveText("2 rows copied");
    const [head, ...lines] = (await clipboard(page)).split("\n").map((l) => l.split("\t"));
    expect(lines.map((l) => l[head!.indexOf("Local")])).toEqual(await titled(page, "local"));
    await pick(page, "Export", "Copy as JSON lines");
    await expect.poll(async () => (await clipboard(page)).split("\n").map((l) => { try { return JSON.parse(l).remote_port; } catch { return l; } })).toEqual([echo.port, echo.port]);
  });

  test("one row is not called rows", async ({ page, server, listen }) => {
    const echo = await listen();
    await echo.connect();
    await open(page, server);
    await filter(page, `dport = ${echo.port}`);
    await expect(rows(page)).toHaveCount(1);
    await pick(page, "Export", "Copy as text");
    await expect(page.locator(".toast")).toHaveText("1 row copied");
  });
});

test("while the order is held rows neither come nor go, and then they do", async ({ page, server, listen }) => {
  const echo = await listen();
  const first = await echo.connect();
  const second = await echo.connect();
  const left = second.localPort;
  await open(page, server);
  await filter(page, `dport = ${echo.port} and state established`);
  await expect(rows(page)).toHaveCount(2);
  const before = await titled(page, "local");
  await page.keyboard.press("p");
  await expect(page.getByRole("button", { name: "Held" })).toHaveAttribute("aria-pressed", "true");
  first.destroy();
  const third = await echo.connect();
  await readings(server, 2);
  await expect(page.locator(".grid-body .row.gone")).toHaveCount(1);
  expect(await titled(page, "local")).toEqual(before);
  await page.keyboard.press("p");
  await expect(page.getByRole("button", { name: "Hold", exact: true })).toHaveAttribute("aria-pressed", "false");
  await expect.poll(async () => (await titled(page, "local")).sort()).toEqual([left, third.localPort].map((p) => `127.0.0.1:${p}`).sort());
  await expect(page.locator(".grid-body .row.gone")).toHaveCount(0);
});

test("columns that were chosen stay over a reload, and the usual ones leave the address as it was", async ({ page, server, listen }) => {
  const echo = await listen();
  await echo.connect();
  await open(page, server);
  await filter(page, `dport = ${echo.port}`);
  const heads = () => page.getByRole("columnheader").evaluateAll((all) => all.map((h) => h.textContent!.trim()));
  const usual = await heads();
  expect(usual).not.toContain("Inode");
  await page.getByRole("button", { name: "Columns", exact: true }).click();
  const menu = page.getByRole("menu", { name: "Columns" });
  const state = menu.getByRole("menuitemcheckbox", { name: "State" });
  await state.click();
  await expect(state).toHaveAttribute("aria-checked", "false"); // it stays open for more
  await expect(state).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(menu).toBeHidden();
  await expect(page.getByRole("columnheader", { name: "State" })).toHaveCount(0);
  await page.reload();
  await live(page);
  await expect(rows(page)).toHaveCount(1);
  await expect(page.getByRole("columnheader", { name: "State" })).toHaveCount(0);
  await pick(page, "Columns", "State");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("columnheader", { name: "State" })).toHaveCount(1);
  expect(page.url()).not.toContain("columns=");
});

test("without the token no column is offered that would be empty", async ({ page, server }) => {
  await page.goto(server.url);
  await live(page);
  const menu = page.getByRole("menu", { name: "Columns" });
  await page.getByRole("button", { name: "Columns", exact: true }).click();
  await expect(menu.getByRole("menuitemcheckbox", { name: "User" })).toBeVisible();
  await expect(menu.getByRole("menuitemcheckbox", { name: "Process" })).toHaveCount(0);
});

test("processes are found by a piece of any of their columns, and the address keeps it", async ({ page, server, listen }) => {
  const echo = await listen();
  const s = await echo.connect();
  s.write(Buffer.alloc(50_000));
  await open(page, server);
  await go(page, "processes");
  const box = page.getByRole("searchbox", { name: "Find in processes" });
  await page.keyboard.press("/");
  await expect(box).toBeFocused();
  await box.fill(String(process.pid));
  await expect(rows(page)).toHaveCount(1);
  await expect(rows(page).first()).toContainText(String(process.pid));
  await page.reload();
  await live(page);
  await expect(box).toHaveValue(String(process.pid));
  await expect(rows(page)).toHaveCount(1);
  await box.fill("no such program");
  await expect(page.locator(".grid-empty")).toContainText("No processes with “no such program”");
  await box.fill("");
  await expect(rows(page).filter({ hasText: String(process.pid) })).toHaveCount(1);
});

test.describe("with a history", () => {
  test.use({ serve: { history: true } });

  test("a table of a time of which nothing is known does not say that nothing was open", async ({ page, server }) => {
    await open(page, server);
    await page.getByRole("slider", { name: "Time" }).focus();
    for (let i = 0; i < 10; i++) await page.keyboard.press("ArrowLeft"); // two minutes
    await expect(page.locator(".past-slot [role=status]")).toContainText("Nothing is known");
    await expect(page.locator(".grid-empty")).toHaveText("No connections are known of that time.");
  });
});

test.describe("on a phone", () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test("the way back closes the details, and leads no further", async ({ page, server, listen }) => {
    const echo = await listen();
    await echo.connect();
    await open(page, server);
    await filter(page, `dport = ${echo.port}`);
    const panel = page.getByRole("complementary", { name: "Details" });
    for (let i = 0; i < 2; i++) {
      await rows(page).first().tap();
      await expect(panel).toBeVisible();
      await page.goBack();
      await expect(panel).toBeHidden();
      await expect(rows(page)).toHaveCount(1);
      await expect(page.getByRole("combobox", { name: "Filter" })).toHaveValue(`dport = ${echo.port}`);
    }
  });

  test("from the details to all of a host the table is seen", async ({ page, server, listen }) => {
    const echo = await listen();
    await echo.connect();
    await open(page, server);
    await filter(page, `dport = ${echo.port}`);
    await rows(page).first().tap();
    await page.getByRole("button", { name: "All to this host" }).tap();
    await expect(page.getByRole("complementary", { name: "Details" })).toBeHidden();
    await expect(page.getByRole("combobox", { name: "Filter" })).toHaveValue("dst 127.0.0.1");
  });
});
