// Run an unmodified Baileys bot against the simulator: `node --import …/rehearse.mjs bot.mjs`.
//
// The environment tells where the simulator is (`WhatsAppServer.bot_environment()` makes it). Before the bot starts,
// three things change in the memory of this process, and no file:
//
// - What Baileys dials by default, and what `fetch` does, goes through the simulator's proxy.
// - No host name but localhost is looked up: what forgets the proxy fails instead of leaving this machine.
// - WhatsApp's root key, with which Baileys checks the server's certificates, is replaced by the simulator's. (The
//   releases up to 7.0.0-rc14 accept whatever the signatures are; one that does not needs the key.)

import dns from "node:dns";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const BAILEYS = ["baileys", "@whiskeysockets/baileys"];

function fail(problem) {
  console.error(`the rehearsal cannot start: ${problem}`);
  process.exit(1);
}

const bot = path.resolve(process.argv[1] ?? "bot.mjs");
const { resolve } = createRequire(bot);

async function load(...names) {
  for (const name of names) {
    let file;
    try {
      file = resolve(name);
    } catch {
      continue;
    }
    return import(pathToFileURL(file));
  }
  return fail(`there is no ${names[0]} beside ${bot}; see docs/simulator.md, "Other clients"`);
}

const root = Buffer.from(process.env.WADIAG_NOISE_ROOT ?? "", "hex");
const proxy = process.env.HTTPS_PROXY;
if (root.length !== 32 || !proxy || !process.env.NODE_EXTRA_CA_CERTS) {
  fail("WADIAG_NOISE_ROOT, HTTPS_PROXY and NODE_EXTRA_CA_CERTS must be set as the simulator says");
}

const { DEFAULT_CONNECTION_CONFIG, WA_CERT_DETAILS } = await load(...BAILEYS);
const { HttpsProxyAgent } = await load("https-proxy-agent");
const { ProxyAgent, setGlobalDispatcher } = await load("undici");

if (!WA_CERT_DETAILS || !DEFAULT_CONNECTION_CONFIG) {
  fail("this release of Baileys keeps its settings elsewhere; 7.0.0-rc14 is known to work");
}
WA_CERT_DETAILS.PUBLIC_KEY = root;

const agent = new HttpsProxyAgent(proxy);
Object.assign(DEFAULT_CONNECTION_CONFIG, { agent, fetchAgent: agent }); // the websocket, and uploads
setGlobalDispatcher(new ProxyAgent(proxy)); // downloads

const { lookup } = dns;

dns.lookup = (name, options, callback = options) => {
  if (name === "localhost") return lookup(name, options, callback);
  const problem = `${name} is not looked up in a rehearsal: leave the agents to it, and everything goes to the proxy`;
  return process.nextTick(callback, Object.assign(new Error(problem), { code: "ENOTFOUND", hostname: name }));
};
