import { expect, filter, go, live, open, rows, test, until } from "./fixture.ts";

test("the server's dialog tells what it does, and ends the session", async ({ page, server, listen }) => {
  const echo = await listen();
  await echo.connect();
  await open(page, server);
  await filter(page, `dport = ${echo.port}`);
  await expect(rows(page).first()).toContainText(String(process.pid));
  const host = page.locator("button.host");
  await host.click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("all that the server sees");
  await expect(dialog.getByRole("button", { name: "Close" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(host).toBeFocused();
  await expect(rows(page).first()).toContainText(String(process.pid)); // Esc ends nothing

  const session = await page.evaluate(() => Object.values(sessionStorage).join());
  await host.click();
  await dialog.getByRole("button", { name: "End the session" }).click();
  await expect(page.locator(".notice.hint")).toContainText("sockeye serve status");
  await live(page);
  await expect(rows(page)).toHaveCount(1);
  await expect(page.getByRole("columnheader", { name: "Process" })).toHaveCount(0);
  expect(await page.evaluate(() => ({ ...sessionStorage }))).toEqual({});
  const answer = await fetch(`${server.url}api/history/span`, { headers: { Authorization: `Bearer ${session}` } });
  expect(answer.status, "the server has forgotten it too").toBe(401);
  await host.click();
  await expect(dialog).toContainText("what all users of the machine may");
  await expect(dialog.getByRole("button", { name: "End the session" })).toHaveCount(0);
});

test("with the session goes what only it may see: details that are open", async ({ page, server, listen }) => {
  const echo = await listen();
  await echo.connect();
  const s = await echo.connect();
  await open(page, server);
  await filter(page, `dport = ${echo.port} and state established`);
  await rows(page).filter({ hasText: `:${s.localPort}` }).click();
  const panel = page.getByRole("complementary", { name: "Details" });
  await expect(panel).toContainText(String(process.pid));
  s.destroy();
  await expect(panel).toContainText("It is gone"); // nothing comes any more that would replace what is there
  await page.locator("button.host").click();
  await page.getByRole("dialog").getByRole("button", { name: "End the session" }).click();
  await expect(page.locator(".notice.hint")).toContainText("sockeye serve status");
  await expect(rows(page)).toHaveCount(1);
  await expect(panel).toBeHidden();
  expect(await page.locator("body").innerText()).not.toContain(String(process.pid));
});

test.describe("with a history", () => {
  test.use({ serve: { history: true } });
  test("with the session goes what only it may see: the past", async ({ page, server, listen }) => {
    const echo = await listen();
    await echo.connect();
    await open(page, server);
    await filter(page, `dport = ${echo.port}`);
    await expect(rows(page)).toHaveCount(1);
    await until("the connection is recorded", async () => (await server.get(`api/history/connections?filter=dport%3D${echo.port}`)).connections.length > 0, 20);
    await page.waitForTimeout(5000); // it was open for longer than a step of the slider
    await page.getByRole("combobox", { name: "Length of the slider" }).selectOption("600");
    await page.getByRole("slider", { name: "Time" }).focus();
    await page.keyboard.press("ArrowLeft");
    await expect(page.locator(".past-slot [role=status]")).toContainText("as of");
    await expect(rows(page).first()).toContainText(String(process.pid));
    await page.locator("button.host").click();
    await page.getByRole("dialog").getByRole("button", { name: "End the session" }).click();
    await expect(page.locator(".notice.hint")).toContainText("sockeye serve status");
    await expect(page.locator(".past-slot [role=status]")).toBeHidden();
    await echo.connect();
    await expect(rows(page)).toHaveCount(2); // those of now
    expect(await page.locator("body").innerText()).not.toContain(String(process.pid));
  });
});

test("a token that comes into an open page is taken, and the page stays where it is", async ({ page, server, listen }) => {
  const echo = await listen();
  await echo.connect();
  await page.goto(server.url);
  await live(page);
  await filter(page, `dport = ${echo.port}`);
  await expect(rows(page)).toHaveCount(1);
  await expect(page.getByRole("columnheader", { name: "Process" })).toHaveCount(0);
  await page.evaluate((address) => { location.href = address; }, server.full); // as somebody pastes the address that status prints
  await expect(page.getByRole("columnheader", { name: "Process" })).toBeVisible();
  await expect(rows(page).first()).toContainText(String(process.pid));
  await expect(rows(page)).toHaveCount(1); // by the filter that was there
  expect(decodeURIComponent(page.url())).toContain(`dport = ${echo.port}`.replaceAll(" ", "+"));
  expect(page.url()).not.toContain(server.token);
  await expect(page.locator(".notice.hint")).toBeHidden();
});

test("a gated view opens with the token that it asks for; the whole address will do", async ({ page, server, listen }) => {
  const echo = await listen();
  await (await echo.connect()).write("hello");
  await page.goto(server.url);
  await live(page);
  await go(page, "processes");
  await expect(page.locator("main")).toContainText("for who has the token");
  await page.locator("main").getByRole("button", { name: "Enter the token" }).click();
  await page.getByLabel("Token", { exact: true }).fill(server.full);
  await page.keyboard.press("Enter");
  await expect(rows(page).filter({ hasText: String(process.pid) })).toHaveCount(1);
});

test("keys are told by ?, and closed by Esc; while they are shown no key does anything", async ({ page, server }) => {
  await open(page, server);
  const theme = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const before = await theme();
  await page.keyboard.press("?");
  const dialog = page.getByRole("dialog", { name: "Keys" });
  await expect(dialog).toBeVisible();
  for (const text of ["copy the row", "hold the order still", "sockeye list --help", /1\s*–\s*9/]) await expect(dialog).toContainText(text);
  await page.keyboard.press("t");
  await page.keyboard.press("2");
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toHaveCount(1);
  expect(await theme()).toBe(before);
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(page.locator("main.view-connections")).toBeVisible();
  await page.getByRole("button", { name: "Keys and help (?)" }).click();
  await dialog.getByRole("button", { name: "Close" }).click();
  await expect(dialog).toHaveCount(0);
  for (const path of ["api/openapi.json", "LICENSES.txt"]) expect((await fetch(server.url + path)).status, path).toBe(200);
});

test.describe("with a history", () => {
  test.use({ serve: { history: true }, expected: /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/ });
  test("a view that asks a server that is away says so in words", async ({ page, server }) => {
    await open(page, server);
    await server.down();
    await expect(page.locator(".live.off")).toBeVisible();
    await go(page, "history");
    await expect(page.locator("main")).toContainText("The server does not answer.");
  });
});

test("an address of the history leads to words where nothing is recorded", async ({ page, server }) => {
  await open(page, server, "#/history");
  await expect(page.locator("main")).toContainText("History: this server records nothing");
  await expect(page.locator("main").getByRole("combobox")).toHaveCount(0);
  await go(page, "connections");
});
