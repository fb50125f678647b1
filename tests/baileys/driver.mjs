// Baileys by JSON lines: commands on stdin, answers and events on stdout. It ends when stdin does.
//
//   {"id": 1, "session": "a", "open": "/folder"}                         log in, or ask to be linked
//   {"id": 2, "session": "a", "call": "sendMessage", "args": ["…", {…}]} any method of Baileys' socket
//   {"id": 1, "value": …} or {"id": 1, "error": "…"}                     the answer
//   {"session": "a", "event": "update", …}                               qr, connection, the code of the end
//   {"session": "a", "event": "message", "text": …, "image": base64}     what somebody wrote, decrypted
//
// Session "a" is opened again by itself after 515 (restart required), as every bot has to.

import { createInterface } from "node:readline";
import makeWASocket, { DisconnectReason, downloadMediaMessage, useMultiFileAuthState } from "baileys";

console.log = console.info = console.error; // stdout is for JSON, and libsignal for talk

const logger = { level: "warn", child: () => logger, trace() {}, debug() {}, info() {} };
logger.warn = logger.error = console.error;

const sockets = new Map();
const sent = new Map(); // messages by id, for those who could not read one: they may ask before the call returns
let sending;

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function open(session, folder) {
  const { state, saveCreds } = await useMultiFileAuthState(folder);
  // A first login waits 20 s for the phone's old chats unless none are wanted.
  const socket = makeWASocket({
    auth: state,
    logger,
    getMessage: async ({ id }) => {
      await sending;
      return sent.get(id);
    },
    shouldSyncHistoryMessage: () => false,
  });
  sockets.set(session, socket);
  socket.ev.on("creds.update", saveCreds);
  socket.ev.on("connection.update", async ({ qr, connection, lastDisconnect }) => {
    const code = lastDisconnect?.error?.output?.statusCode;
    if (connection === "close" && code === DisconnectReason.restartRequired) {
      await saveCreds();
      await open(session, folder);
    } else if (qr || connection) {
      say({ session, event: "update", qr, connection, code });
    }
  });
  socket.ev.on("messages.upsert", async ({ messages }) => {
    for (const message of messages) {
      const { key, message: content } = message;
      if (!content || key.fromMe) continue;
      const image = content.imageMessage && (await downloadMediaMessage(message, "buffer", {}));
      say({
        session,
        event: "message",
        from: key.remoteJid,
        author: key.participant,
        text: content.conversation ?? content.extendedTextMessage?.text ?? content.imageMessage?.caption,
        image: image?.toString("base64"),
      });
    }
  });
}

async function carryOut({ session, open: folder, call, args }) {
  if (folder) return open(session, folder);
  const value = sockets.get(session)[call](...args);
  if (call === "sendMessage") {
    sending = value.then(({ key, message }) => sent.set(key.id, message)).catch(() => {});
  }
  return value;
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  carryOut(command).then(
    (value) => say({ id: command.id, value }),
    (error) => say({ id: command.id, error: String(error) }),
  );
}
process.exit(0);
