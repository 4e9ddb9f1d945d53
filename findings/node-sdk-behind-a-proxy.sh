#!/usr/bin/env bash
# Mixpanel's Node SDK cannot be set up in a process whose environment names a proxy.
#
# Versions:  mixpanel 0.24.0 with the https-proxy-agent 7.0.6 that it pins, from npm; Node.js 20.20.2.
# Guess:     HTTP_PROXY and HTTPS_PROXY make the SDK send through the proxy: its code reads both.
# Behaviour: init() throws before anything is sent, whatever the proxy, the host or the protocol: the SDK calls the
#            module https-proxy-agent as a class, and since version 7 the module exports the class by name. NO_PROXY is
#            not looked at. Without both variables the same line works.
# Output:    with HTTPS_PROXY: TypeError: HttpsProxyAgent is not a constructor
#            without: ready
#
# Takes ten seconds.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes > /dev/null
npm install --silent --no-audit --no-fund mixpanel@0.24.0
cat > start.js <<'JS'
try {
  require("mixpanel").init("token");
  console.log("ready");
} catch (error) {
  console.log(`${error.name}: ${error.message}`);
}
JS
with=$(env -u HTTP_PROXY HTTPS_PROXY=http://127.0.0.1:9 node start.js)
without=$(env -u HTTP_PROXY -u HTTPS_PROXY node start.js)
echo "with HTTPS_PROXY: $with"
echo "without: $without"
[ "$with" = "TypeError: HttpsProxyAgent is not a constructor" ] && [ "$without" = ready ] || { echo "not as stated"; exit 1; }
