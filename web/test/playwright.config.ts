import { defineConfig } from "@playwright/test";

/** Debian's Chromium, or the one that CHROMIUM names. It asks nobody for names or news. Root has no sandbox of its own. */
export const chromium = {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])],
};

export default defineConfig({
  testDir: ".",
  projects: [
    { name: "page", testMatch: "*.spec.ts" },
    { name: "screens", testMatch: "screens.ts" }, // pictures for docs/screens
    { name: "measure", testMatch: "measure.ts" }, // run by bench/page
  ],
  globalSetup: "./build.ts",
  outputDir: "test-results",
  workers: Number(process.env.WORKERS ?? 2),
  fullyParallel: true,
  retries: 0,
  timeout: 40_000,
  expect: { timeout: 8_000 },
  forbidOnly: !!process.env.CI,
  reporter: [["list"]],
  use: { launchOptions: chromium, viewport: { width: 1280, height: 800 }, locale: "en-GB", trace: "off", screenshot: "only-on-failure" },
});
