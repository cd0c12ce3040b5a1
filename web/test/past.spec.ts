import { spawn } from "node:child_process";
import type { Server } from "./server.ts";
import { expect, filter, go, open, rows, test, until } from "./fixture.ts";

test.describe("with a history", () => {
  test.use({ serve: { history: true } });

  test("the slider shows the table as it was, and Live that of now", async ({ page, server, listen }) => {
    const echo = await listen();
    const s = await echo.connect();
    const source = s.localPort;
    await until("the connection is recorded", async () => (await lives(server, `dport = ${echo.port}`)).length > 0, 20);
    await page.waitForTimeout(2000);
    const then = Date.now() - 1500; // it was open
    s.destroy();
    await echo.connect();
    await until("it is recorded as closed", async () => (await lives(server, `sport = ${source}`)).some((c) => c.closed), 20);

    await open(page, server);
    await filter(page, `dport = ${echo.port} and process = node`);
    await expect(rows(page)).toHaveCount(1);
    await expect(rows(page).first()).not.toContainText(`:${source}`);

    const bar = page.getByRole("group", { name: "Time that is shown" });
    const live = bar.getByRole("button", { name: "Live" });
    await expect(live).toHaveAttribute("aria-pressed", "true");
    await bar.getByRole("combobox", { name: "Length of the slider" }).selectOption("600");
    await bar.getByRole("button", { name: "Go to a time" }).click();
    await bar.getByLabel("Exact time").fill(local(then));
    await bar.getByLabel("Exact time").press("Tab");
    await expect(live).toHaveAttribute("aria-pressed", "false");
    await expect(rows(page)).toHaveCount(1);
    await expect(rows(page).first()).toContainText(`:${source}`);
    await expect(page.locator(".past-slot [role=status]")).toContainText(/1 sockets? as of/);
    const slider = bar.getByRole("slider", { name: "Time" });
    await expect(slider).toHaveAttribute("aria-valuetext", /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/);

    await rows(page).first().click(); // details of what is gone: nothing can be done with it
    await expect(page.getByRole("complementary", { name: "Details" })).toContainText(`:${source}`);
    await expect(page.getByRole("button", { name: "Close the connection" })).toHaveCount(0);
    await page.keyboard.press("Escape");

    await live.click();
    await expect(live).toHaveAttribute("aria-pressed", "true");
    await expect(rows(page)).toHaveCount(1);
    await expect(rows(page).first()).not.toContainText(`:${source}`);
    await expect(page.locator(".past-slot [role=status]")).toBeHidden();
  });

  test("the slider goes by keys: back into the past, and to its end for now", async ({ page, server, listen }) => {
    await listen();
    await page.waitForTimeout(6000); // something is recorded
    await open(page, server);
    const slider = page.getByRole("slider", { name: "Time" });
    await expect(slider).toHaveAttribute("aria-valuetext", "now");
    await slider.focus();
    await page.keyboard.press("ArrowLeft");
    await expect(slider).toHaveAttribute("aria-valuetext", /^\d{4}-/);
    await expect(page.locator(".past-slot [role=status]")).toBeVisible();
    await page.keyboard.press("PageDown");
    await expect(page.locator(".past-slot [role=status]")).toContainText(/Nothing is known/);
    await page.keyboard.press("End");
    await expect(slider).toHaveAttribute("aria-valuetext", "now");
    await expect(page.locator(".past-sessions .past-session")).not.toHaveCount(0);
  });

  test("the history adds up, goes into a group, and tells what listened", async ({ page, server, listen }) => {
    const echo = await listen();
    const s = await echo.connect();
    s.write(Buffer.alloc(50_000));
    const gone = await listen();
    const { port } = gone;
    await until("both listeners are recorded", async () => (await listeners(server, "from=1h+ago")).length >= 2, 20);
    await page.waitForTimeout(2500);
    await gone.close();
    await until("the end of one is recorded", async () => (await listeners(server, "gone=true")).some((l) => l.local_port === port), 20);

    await open(page, server);
    await go(page, "history");
    const sheet = page.locator(".sheet");
    await expect(sheet.getByRole("button", { name: "node", exact: true })).toBeVisible();
    await expect(page.getByRole("img", { name: /^All interfaces/ })).toBeVisible();
    await sheet.getByRole("button", { name: "Connections" }).click(); // a header: it sorts
    await expect(sheet.getByRole("columnheader", { name: "Connections" })).toHaveAttribute("aria-sort", "descending");
    await sheet.getByRole("button", { name: "node", exact: true }).click();
    await expect(page.getByRole("group", { name: "Question" }).getByRole("button", { name: "Hosts" })).toHaveAttribute("aria-pressed", "true");
    await expect(page.locator(".past-filter")).toContainText("process = node");
    await expect(sheet).toContainText("127.0.0.1");
    await page.getByRole("button", { name: "Show all" }).click();
    await expect(page.locator(".past-filter")).toBeHidden();
    for (const question of ["Countries", "Ports", "Days", "Units", "Connections", "Listened"]) {
      await page.getByRole("group", { name: "Question" }).getByRole("button", { name: question, exact: true }).click();
      await expect(sheet).not.toHaveAttribute("aria-busy", "true");
      await expect(page.locator(".past-view")).not.toContainText(/error|undefined|NaN/);
    }
    await page.getByRole("group", { name: "Question" }).getByRole("button", { name: "Listens no more" }).click();
    await expect(sheet).toContainText(`127.0.0.1:${port}`);
    await expect(sheet).not.toContainText(`127.0.0.1:${echo.port} `);
    await page.getByRole("combobox", { name: "Period" }).selectOption("yesterday");
    await expect(page.locator(".past-said")).toContainText(/nothing was recorded|not recorded|0 listeners/i);
    await page.goBack();
  });

  test("without the token there is no past", async ({ page, server }) => {
    await page.goto(server.url);
    await expect(page.locator(".live.on")).toBeVisible();
    await expect(page.getByRole("slider", { name: "Time" })).toBeHidden();
  });
});

test.describe("with a history that has learned", () => {
  test.use({ serve: { history: true, args: ["--history-learn", "1s"] } });

  test("what was never seen is told at once, with a number and in a list", async ({ page, server }) => {
    await page.waitForTimeout(3000); // it learns
    await open(page, server);
    const child = spawn("perl", ["-MIO::Socket::INET", "-e", 'my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1"); sleep 60'], { stdio: "ignore" });
    try {
      const link = page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: /^What is new/ });
      await expect(link).toContainText(/[1-9]/, { timeout: 20_000 });
      await link.click();
      const list = page.getByRole("list", { name: "What is new" });
      await expect(list).toContainText("perl listens on 127.0.0.1:");
      await expect(link).not.toContainText(/[1-9]/);
      await list.getByRole("button", { name: /perl listens/ }).first().click();
      await expect(page.getByRole("combobox", { name: "Filter" })).toHaveValue(/process = perl and sport = \d+/);
    } finally {
      child.kill("SIGKILL");
    }
  });
});

test("a server that records nothing has no slider", async ({ page, server }) => {
  await open(page, server);
  await page.waitForTimeout(500);
  await expect(page.getByRole("slider", { name: "Time" })).toBeHidden();
  expect((await server.get("api/history/span")).recording).toBe(false);
});

// A history is empty, which is an error, until the first seconds are written.
async function lives(server: Server, filter: string): Promise<any[]> {
  return (await server.get(`api/history/connections?from=1h+ago&filter=${encodeURIComponent(filter)}`).catch(() => ({ connections: [] }))).connections;
}

async function listeners(server: Server, query: string): Promise<any[]> {
  return (await server.get(`api/history/listeners?${query}`).catch(() => ({ listeners: [] }))).listeners;
}

/** A moment as an input of type datetime-local takes it. */
function local(t: number): string {
  const d = new Date(t);
  return new Date(t - d.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
