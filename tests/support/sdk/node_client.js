// Drives the real Node SDK. Standard input: {"token", "config", "calls": [[name, ...arguments], ...]}; a name may be
// that of a part's function, such as "people.set".
// Standard output: for each call, in order, null for success or the text of the error(s) the SDK reported.
"use strict";

const Mixpanel = require("mixpanel");

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const { token, config, calls } = JSON.parse(Buffer.concat(chunks).toString());
  const quiet = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
  const client = Mixpanel.init(token, { ...config, logger: quiet });
  const outcomes = [];
  for (const [name, ...given] of calls) {
    const path = name.split(".");
    const method = path.pop();
    const part = path.reduce((whole, each) => whole[each], client);
    outcomes.push(
      await new Promise((resolve) => {
        part[method](...given, (errors) => {
          const list = [errors].flat().filter(Boolean);
          resolve(list.length ? list.map((each) => each.message).join("; ") : null);
        });
      }),
    );
  }
  // Connections are kept alive by the SDK; leaving by name ends them.
  process.stdout.write(JSON.stringify(outcomes), () => process.exit(0));
}

main().catch((error) => {
  process.stderr.write(String(error.stack));
  process.exit(1);
});
