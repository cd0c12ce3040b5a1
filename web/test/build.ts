import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = new URL("../..", import.meta.url).pathname;

/** Builds the program and the database of made-up places, unless SOCKEYE_BIN names a program. Returns what takes them away. */
export default function build(): () => void {
  const dir = mkdtempSync(join(tmpdir(), "sockeye-page-"));
  const run = (...args: string[]) => execFileSync("go", args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, CGO_ENABLED: "0" } });
  if (!process.env.SOCKEYE_BIN) {
    process.env.SOCKEYE_BIN = join(dir, "sockeye");
    run("build", "-o", process.env.SOCKEYE_BIN, "./cmd/sockeye");
  }
  process.env.SOCKEYE_PLACES = join(dir, "places.mmdb");
  run("run", "./bench/page/places", "web/test/places.json", process.env.SOCKEYE_PLACES);
  return () => rmSync(dir, { recursive: true, force: true });
}
