// The rest of the world of the pictures, in a network namespace of its own: all addresses of places.json, which answer on any
// port that is asked for, and which connect to what the machine serves. It says "ready" when it is there.
//
//	{"serve": [port...], "visit": [[prefix, port, received, sent]]}
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import net from "node:net";
import { talk } from "./talk.mjs";

const { serve, visit } = JSON.parse(process.argv[2]);
const ip = (...args) => spawnSync("ip", args, { stdio: "inherit" });
process.on("uncaughtException", () => {});

ip("link", "set", "lo", "up");
for (const { prefix } of JSON.parse(readFileSync(new URL("../places.json", import.meta.url), "utf8"))) {
  for (const n of [10, 11, 12]) ip("address", "add", `${prefix}.${n}/32`, "dev", "lo");
}
for (const port of serve) net.createServer((s) => talk(s, true)).listen(port, "0.0.0.0");
process.stdin.once("data", () => { // the link is there
  ip("address", "add", "203.0.113.1/24", "dev", "far");
  ip("link", "set", "far", "up");
  for (const v of visit) setTimeout(call, Math.random() * 3000, ...v);
  console.log("ready");
});

function call(prefix, port, received, sent) {
  const s = net.connect({ host: "203.0.113.10", port, localAddress: `${prefix}.${10 + Math.floor(Math.random() * 3)}` }, () => {
    s.write(`${JSON.stringify({ send: received })}\n`);
    talk(s, false, sent);
  });
  s.on("error", () => setTimeout(call, 1000, prefix, port, received, sent));
}
