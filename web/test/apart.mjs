// Runs a program of this package in a network of its own, so that tests and pictures see no sockets but their own, and
// nothing leaves the machine. There is a loopback interface with the addresses of places.json (unless BARE is set), which
// are others' elsewhere.
//
//	node apart.mjs PROGRAM [ARGUMENT...]
//
// Without root it takes a user namespace. Where that is not allowed the program runs in the network that is there, without
// SOCKEYE_APART, and what needs those addresses is skipped.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const inside = "--inside";
const words = process.argv.slice(2);

if (words[0] === inside) {
  const run = (...args) => {
    const { status } = spawnSync("ip", args, { stdio: "inherit" });
    if (status !== 0) throw new Error(`ip ${args.join(" ")} failed`);
  };
  run("link", "set", "lo", "up");
  if (!process.env.BARE) {
    run("address", "add", "203.0.113.10/32", "dev", "lo");
    for (const { prefix } of JSON.parse(readFileSync(new URL("places.json", import.meta.url), "utf8"))) run("address", "add", `${prefix}.10/32`, "dev", "lo");
  }
  spawnSync("hostname", ["harbour"]);
  process.exit(start(words.slice(1), { SOCKEYE_APART: "1" }));
}

const unshare = ["unshare", "--net", "--uts", ...(process.getuid() === 0 ? [] : ["--map-root-user"])];
const allowed = spawnSync(unshare[0], [...unshare.slice(1), "true"]).status === 0;
if (!allowed && process.env.SOCKEYE_CI === "1") throw new Error("a network namespace cannot be made here");
process.exit(allowed ? start([...unshare, process.execPath, process.argv[1], inside, ...words], {}) : start(words, {}));

function start([program, ...args], env) {
  const path = `${new URL("node_modules/.bin", import.meta.url).pathname}:${process.env.PATH}`;
  const { status, error } = spawnSync(program, args, { stdio: "inherit", env: { ...process.env, PATH: path, ...env } });
  if (error) throw error;
  return status ?? 1;
}
