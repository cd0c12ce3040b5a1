import { expect, filter, live, open, rows, test, until } from "./fixture.ts";

test("the token goes out of the address, and nowhere else than to the server", async ({ page, server }) => {
  const asked: string[] = [];
  page.on("request", (r) => asked.push(r.url()));
  await open(page, server);
  expect(page.url()).not.toContain(server.token);
  expect(await page.evaluate(() => history.length)).toBeLessThanOrEqual(2);
  expect(asked.filter((url) => url.includes(server.token))).toEqual([]);
  expect(asked.filter((url) => !url.startsWith(server.url))).toEqual([]);
  const kept = await page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie, document.documentElement.outerHTML]));
  expect(kept).not.toContain(server.token);
  expect(await page.context().cookies()).toEqual([]);
});

test("without the token sockets are shown, but not whose they are, and it is said how to see that", async ({ page, server, listen }) => {
  const echo = await listen();
  await echo.connect();
  await page.goto(server.url);
  await live(page);
  await expect(page.locator(".notice.hint")).toContainText("sockeye serve status");
  await filter(page, `dport = ${echo.port}`);
  await expect(rows(page)).toHaveCount(1);
  await expect(page.getByRole("columnheader", { name: "Process" })).toHaveCount(0);
  expect(await page.locator("body").innerText()).not.toContain(String(process.pid));

  await page.getByRole("button", { name: "Enter the token" }).click();
  await page.getByLabel("Token", { exact: true }).fill(server.token);
  await page.getByRole("dialog").getByRole("button", { name: "Open", exact: true }).click();
  await expect(page.getByRole("columnheader", { name: "Process" })).toBeVisible();
  await expect(rows(page).first()).toContainText(String(process.pid));
});

test.describe(() => {
  test.use({ expected: /401 \(Unauthorized\)/ });
  test("a wrong token is refused in words", async ({ page, server }) => {
    await page.goto(server.url);
    await live(page);
    await page.getByRole("button", { name: "Enter the token" }).click();
    await page.getByLabel("Token", { exact: true }).fill("not the token that it is");
    await page.getByRole("dialog").getByRole("button", { name: "Open", exact: true }).click();
    await expect(page.getByRole("alert").filter({ hasText: /token/i })).toBeVisible();
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toHaveCount(0);
  });
});

test.describe(() => {
  test.use({ expected: /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|401 \(Unauthorized\)/ });

  test("a server that goes away is told, and found again when it comes back", async ({ page, server, listen }) => {
    const echo = await listen();
    await echo.connect();
    await open(page, server);
    await filter(page, `dport = ${echo.port}`);
    await expect(rows(page)).toHaveCount(1);
    await server.down();
    await expect(page.locator(".notice").filter({ hasText: "The server does not answer" })).toBeVisible();
    await expect(page.locator(".live.off")).toBeVisible();
    await expect(rows(page)).toHaveCount(1); // what was seen last stays
    await server.again();
    await expect(page.locator(".live.on")).toBeVisible({ timeout: 20_000 });
    await expect(page.locator(".notice").filter({ hasText: "does not answer" })).toBeHidden();
    await expect(rows(page)).toHaveCount(1);
  });

  test("a server that was started anew does not know the session: the page asks again, and goes on without", async ({ page, server }) => {
    await open(page, server);
    await server.down();
    await server.again();
    await expect(page.locator(".notice.hint")).toContainText("Processes are shown to who has the token", { timeout: 20_000 });
    await live(page);
  });
});

test("the session ends with the tab", async ({ page, server, context }) => {
  await open(page, server);
  const other = await context.newPage();
  await other.goto(server.url);
  await expect(other.locator(".notice.hint")).toContainText("sockeye serve status");
  await other.close();
});

test("what others are asked for is nothing: the page needs no network", async ({ page, server, context }) => {
  const outside: string[] = [];
  await context.route((url) => url.host !== new URL(server.url).host, (route) => { outside.push(route.request().url()); return route.abort(); });
  await open(page, server);
  await page.waitForLoadState("load");
  await until("two readings came", async () => (await server.get("api/status")).seq >= 3);
  expect(outside).toEqual([]);
});
