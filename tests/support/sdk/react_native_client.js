// Drives the real React Native SDK in its JavaScript mode, as Expo and React Native Web run it.
// Standard input: {"token", "url", "calls": [[name, ...arguments], ...]}; a name may be that of a part's function, such
// as "getPeople().set". It ends when the SDK has taken everything
// out of its queues, which it does when it is told that a batch arrived.
import { Mixpanel } from "mixpanel-react-native";

const kept = new Map();
const storage = {
  getItem: async (key) => kept.get(key) ?? null,
  setItem: async (key, value) => void kept.set(key, value),
  removeItem: async (key) => void kept.delete(key),
};
const queued = () => [...kept].filter(([key, value]) => key.endsWith("_QUEUE") && JSON.parse(value).length > 0);

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { token, url, calls } = JSON.parse(Buffer.concat(chunks).toString());
const client = new Mixpanel(token, false, false, storage);
await client.init(false, {}, url);
for (const [name, ...given] of calls) {
  const path = name.split(".");
  const method = path.pop();
  const part = path.reduce((whole, each) => whole[each](), client);
  await part[method](...given);
}
await client.flush();
while (queued().length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
process.exit(0);
