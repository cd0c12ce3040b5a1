import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { expect, filter, open, rows, test, until } from "./fixture.ts";

/** A process that connects to a port as often as it is told, writes each of its own ports, and how connections end. */
async function client(port: number, times: number): Promise<{ child: ChildProcess; ports: number[]; ended: string[] }> {
  const child = spawn(process.execPath, ["-e", `
    for (let i = 0; i < ${times}; i++) {
      const s = require("net").connect(${port}, "127.0.0.1", () => console.log("port " + s.localPort));
      s.on("error", (err) => console.log("ended " + err.code));
    }
    setInterval(() => {}, 1000);`], { stdio: ["ignore", "pipe", "inherit"] });
  const [ports, ended]: [number[], string[]] = [[], []];
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    for (const [, what, value] of text.matchAll(/^(port|ended) (.*)$/gm)) if (what === "port") ports.push(Number(value)); else ended.push(value!);
  });
  await until("all are connected", () => ports.length === times);
  return { child, ports, ended };
}

test("a connection is closed, after it was asked whether it shall be, and no other", async ({ page, server, listen }) => {
  const echo = await listen();
  const { child, ports, ended } = await client(echo.port, 2);
  try {
    await open(page, server);
    await filter(page, `sport = ${ports[0]} and dport = ${echo.port}`);
    await rows(page).first().click();
    const button = page.getByRole("button", { name: "Close the connection" });
    await button.click();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.waitForTimeout(1200);
    expect(ended, "nothing is done unless it was confirmed").toEqual([]);

    await button.click();
    await expect(page.getByRole("dialog")).toContainText(`127.0.0.1:${echo.port}`);
    await page.getByRole("button", { name: "Close it" }).click();
    await expect(page.locator(".toast")).toContainText("closed");
    await until("the program has heard of it", () => ended.length > 0);
    await page.waitForTimeout(500);
    expect(ended).toEqual(["ECONNABORTED"]);
  } finally {
    child.kill("SIGKILL");
  }
});

test("what the server was started by is kept", async ({ page, server, listen }) => {
  const echo = await listen();
  const s = await echo.connect(); // this process has started the server
  await open(page, server);
  await filter(page, `sport = ${s.localPort} and dport = ${echo.port}`);
  await rows(page).first().click();
  await page.getByRole("button", { name: "Close the connection" }).click();
  await page.getByRole("button", { name: "Close it" }).click();
  await expect(page.locator(".toast")).toContainText("kept");
  expect(s.destroyed).toBe(false);
});

test("a process is ended", async ({ page, server, listen }) => {
  const echo = await listen();
  const { child } = await client(echo.port, 1);
  const ended = once(child, "exit");
  try {
    await open(page, server);
    await filter(page, `pid = ${child.pid}`);
    await rows(page).first().click();
    await page.getByRole("button", { name: "End the process" }).click();
    await expect(page.getByRole("dialog")).toContainText(String(child.pid));
    await page.getByRole("button", { name: "End it" }).click();
    expect((await ended)[1]).toBe("SIGTERM");
    await expect(page.locator(".toast")).toContainText("ended");
  } finally {
    child.kill("SIGKILL");
  }
});

test.describe("read-only", () => {
  test.use({ serve: { args: ["--read-only"] } });
  test("nothing can be done", async ({ page, server, listen }) => {
    const echo = await listen();
    await echo.connect();
    await open(page, server);
    await filter(page, `dport = ${echo.port}`);
    await rows(page).first().click();
    await expect(page.getByRole("complementary", { name: "Details" })).toContainText("127.0.0.1");
    await expect(page.getByRole("button", { name: "Close the connection" })).toHaveCount(0);
    await expect(page.getByRole("button", { name: "End the process" })).toHaveCount(0);
  });
});
