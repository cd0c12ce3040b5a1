import { spawn, type ChildProcess } from "node:child_process";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, filter, go, open, rows, test } from "./fixture.ts";

// A process names itself, and may name itself anything.
const names = ["<img src=x>", "<script>a(1)", "a\u202eb\u0007c", '"><svg/onload', "__proto__", "${7*7}{{7}}"];
const argument = "<img src=x onerror=alert(1)><script>document.title='taken'</script>\u202e";

test.use({ serve: { history: true } });

test("names that are markup are text, in every view", async ({ page, server, listen }) => {
  const echo = await listen();
  const children: ChildProcess[] = names.map((name) => {
    const program = join(server.dir, name.replaceAll("/", "\u2215"));
    symlinkSync(process.execPath, program);
    return spawn(program, ["-e", `require("net").connect(${echo.port}, "127.0.0.1"); require("net").createServer().listen(0, "127.0.0.1"); setInterval(() => {}, 1000)`, argument], { stdio: "ignore" });
  });
  try {
    page.on("dialog", () => { throw new Error("a script of the name ran"); });
    await open(page, server);
    await filter(page, `dport = ${echo.port}`);
    await expect(rows(page)).toHaveCount(names.length);
    const shown = (await page.locator(".grid-body .c-process .t").allInnerTexts()).sort();
    for (const name of ["<img src=x>", "<script>a(1)", "__proto__", "${7*7}{{7}}"]) expect(shown).toContain(name);
    expect(shown.join("")).not.toMatch(/[\u0000-\u001f\u202e]/); // what turns or hides text is shown as what it is

    await rows(page).filter({ hasText: "<img src=x>" }).click();
    await expect(page.getByRole("complementary", { name: "Details" })).toContainText("<img src=x onerror=alert(1)>");
    await page.keyboard.press("Escape");
    for (const view of ["processes", "listeners", "hosts", "map", "history", "new"]) {
      await go(page, view);
      await page.waitForTimeout(1200);
    }
    await go(page, "history");
    await expect(page.locator(".sheet")).toContainText("<img src=x>");
    await page.getByRole("combobox", { name: "Filter" }).count(); // the page answers
    expect(await page.title()).not.toBe("taken");
    expect(await page.locator("img:not([src='icon.svg'])").count()).toBe(0);
    expect(await page.locator("body script").count()).toBe(0);
  } finally {
    for (const c of children) c.kill("SIGKILL");
  }
});
