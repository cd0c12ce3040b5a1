// Runs the unit tests, src/**/*.test.ts, with node's own runner. They are of pure parts: no browser, no document.
//
//   node test.mjs [FILE...]
import * as esbuild from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const tests = process.argv.length > 2 ? process.argv.slice(2)
  : readdirSync(join(here, "src"), { recursive: true }).filter((f) => f.endsWith(".test.ts")).map((f) => join("src", f)).sort();
const out = mkdtempSync(join(tmpdir(), "sockeye-page-test-"));
try {
  await esbuild.build({
    absWorkingDir: here, entryPoints: tests, outdir: out, outbase: "src", bundle: true, platform: "node", format: "esm", sourcemap: "inline",
    outExtension: { ".js": ".mjs" }, loader: { ".css": "empty" },
  });
  const files = readdirSync(out, { recursive: true }).filter((f) => f.endsWith(".mjs")).map((f) => join(out, f)).sort();
  process.exitCode = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit" }).status ?? 1;
} finally {
  rmSync(out, { recursive: true });
}
