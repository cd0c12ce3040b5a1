// A made-up program of the pictures: it listens and connects as PROGRAM says, and moves bytes at rates that rise and
// fall. It is started under the name of what it stands for.
//
//	{"listen": [[addr, port]], "connect": [[addr, port, received, sent]]}      bytes a second, of each connection
import net from "node:net";
import { talk } from "./talk.mjs";

const { listen = [], connect = [] } = JSON.parse(process.env.PROGRAM);
process.on("uncaughtException", () => {}); // a connection may fail; the picture goes on

for (const [addr, port] of listen) net.createServer((s) => talk(s, true)).listen(port, addr);
for (const [addr, port, received, sent] of connect) begin(addr, port, received, sent);

function begin(addr, port, received, sent) {
  const s = net.connect(port, addr, () => {
    s.write(`${JSON.stringify({ send: received })}\n`);
    talk(s, false, sent);
  });
  s.on("error", () => setTimeout(() => begin(addr, port, received, sent), 1000));
}
