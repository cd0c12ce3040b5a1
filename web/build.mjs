// Builds the page: src/main.ts and what it imports into app.js and app.css, and the files of static/ as they are. The result is
// the same on every machine, as versions are exact and nothing of the time or the place goes in.
//
//   node build.mjs [DIRECTORY]    default: ../internal/web/page
import * as esbuild from "esbuild";
import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, "../internal/web/page"));

const result = await esbuild.build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.ts", theme: "src/theme-early.ts" },
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  metafile: true,
  write: false,
});

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
for (const file of result.outputFiles) await writeFile(file.path, file.contents);
await cp(join(here, "static"), out, { recursive: true });
await writeFile(join(out, "LICENSES.txt"), await licenses(Object.keys(result.metafile.inputs)));

// licenses are the texts of those packages of which something is in the result.
async function licenses(inputs) {
  const names = inputs.map((f) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(f)?.[1]).filter(Boolean);
  let text = "The page contains, beside sockeye's own source (see its LICENSE):\n";
  for (const name of [...new Set(names)].sort()) {
    const dir = join(here, "node_modules", name);
    const { version, license, homepage } = JSON.parse(await readFile(join(dir, "package.json"), "utf8"));
    const file = (await readdir(dir)).find((f) => /^licen[cs]e/i.test(f));
    if (!file) throw new Error(`${name} has no licence file`);
    text += `\n\n== ${name} ${version} (${license})${homepage ? " " + homepage : ""}\n\n${(await readFile(join(dir, file), "utf8")).trim()}\n`;
  }
  return text;
}
