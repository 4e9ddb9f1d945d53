// Preloaded into Node (`--require`), where the SDK cannot be run behind a proxy: 0.24.0 does not start when HTTP_PROXY is
// set. Refuses every connection but those to the ports of this machine in ALLOWED_PORTS, and writes `host:port` of each
// that it refused into the file REFUSED_FILE.
"use strict";

const { appendFileSync } = require("fs");
const net = require("net");

const allowed = process.env.ALLOWED_PORTS.split(",").map(Number);
const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function (...given) {
  const options = Array.isArray(given[0]) ? given[0][0] : given[0];
  if (options.host === "127.0.0.1" && allowed.includes(Number(options.port))) return connect.apply(this, given);
  appendFileSync(process.env.REFUSED_FILE, `${options.host}:${options.port}\n`);
  process.nextTick(() => this.destroy(new Error("refused by the test")));
  return this;
};
