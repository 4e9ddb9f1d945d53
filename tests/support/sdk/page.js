// What tests do with the SDK inside of a page: one function a verb, all on `sdk`.
"use strict";

window.sdk = {
  // What the SDK told its `error_reporter`: it should be nothing, unless the test breaks something.
  reported: [],

  start(token, config) {
    mixpanel.init(token, { ...config, error_reporter: (message) => sdk.reported.push(String(message)) });
  },

  // Resolves with what the SDK gave to the callback: its verdict, and the record as it was sent or queued.
  call(path, given) {
    const names = path.split(".");
    const name = names.pop();
    const target = names.reduce((part, each) => part[each], mixpanel);
    return new Promise((resolve) => target[name](...given, (verdict, record) => resolve([verdict, record ?? null])));
  },

  // The same for a group's profile.
  callGroup(key, id, name, given) {
    const group = mixpanel.get_group(key, id);
    return new Promise((resolve) => group[name](...given, (verdict, record) => resolve([verdict, record ?? null])));
  },

  // For calls that take no callback.
  tell(path, given) {
    const names = path.split(".");
    const name = names.pop();
    const target = names.reduce((part, each) => part[each], mixpanel);
    target[name](...given);
  },

  // Records that the SDK's queues still hold; they outlive the page.
  queued() {
    const names = Object.keys(localStorage).filter((name) => name.startsWith("__mpq_") && !name.includes(":"));
    return names.flatMap((name) => JSON.parse(localStorage.getItem(name))).length;
  },
};
