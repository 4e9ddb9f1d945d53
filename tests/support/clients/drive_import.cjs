// Runs the import tool: credentials, records and options come as JSON on standard input, its summary leaves as JSON on
// standard output. The tool has Mixpanel's hosts built in: connections to these go to the port that TRACKWAY_PORT names.
const tls = require("node:tls");

const connect = tls.connect;
tls.connect = (...given) => {
  const options = given.find((each) => typeof each === "object" && each !== null) ?? {};
  if (!/(^|\.)mixpanel\.com$/.test(options.host ?? options.hostname ?? "")) throw new Error(`not to ${options.host}`);
  const { socket: _, ...rest } = options;
  const there = { ...rest, host: "127.0.0.1", port: Number(process.env.TRACKWAY_PORT), servername: "localhost" };
  return connect(there, ...given.filter((each) => typeof each === "function"));
};

const importer = require("mixpanel-import");

async function main() {
  let text = "";
  for await (const piece of process.stdin) text += piece;
  const { credentials, records, options } = JSON.parse(text);
  const quiet = { verbose: false, showProgress: false, logs: false, workers: 2, abridged: false };
  const log = console.log;
  console.log = () => {};
  const done = await importer(credentials, records, { ...quiet, ...options });
  const { success, failed, total, requests, errors, dryRun } = done;
  log(JSON.stringify({ success, failed, total, requests, errors, records: dryRun ?? [] }));
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
