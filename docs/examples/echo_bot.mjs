// A small bot, as anybody would write one with Baileys: it answers every text with the same text in capitals.

import makeWASocket, { DisconnectReason, useMultiFileAuthState } from "baileys";

const { state, saveCreds } = await useMultiFileAuthState(process.argv[2] ?? "session");

function start() {
  // A first login holds messages back until old chats have come, or for 20 s; this bot wants none.
  const socket = makeWASocket({ auth: state, shouldSyncHistoryMessage: () => false });
  socket.ev.on("creds.update", saveCreds);
  socket.ev.on("connection.update", ({ connection, lastDisconnect, qr }) => {
    if (qr) console.log(`QR ${qr}`);
    if (connection === "open") console.log("ready");
    if (connection !== "close") return;
    const code = lastDisconnect?.error?.output?.statusCode;
    if (code !== DisconnectReason.loggedOut) start(); // for example 515 after a pairing
    else console.log("logged out");
  });
  socket.ev.on("messages.upsert", async ({ messages }) => {
    for (const { key, message } of messages) {
      const text = message?.conversation || message?.extendedTextMessage?.text;
      if (text && !key.fromMe) await socket.sendMessage(key.remoteJid, { text: text.toUpperCase() });
    }
  });
}

start();
