// A server on the npm package `ws`; behaviours.md says what it does.
'use strict';
const fs = require('fs');
const http = require('http');
const https = require('https');
const { WebSocketServer } = require('ws');

const SUBPROTOCOLS = ['second.example', 'third.example'];
const [port, certificate, key] = process.argv.slice(2);

// What was noted for a name: a promise and its resolver, whoever asks first.
const noted = new Map();
function note(name) {
  if (!noted.has(name)) {
    const entry = {};
    entry.value = new Promise((resolve) => { entry.set = resolve; });
    noted.set(name, entry);
  }
  return noted.get(name);
}

// Resolves when the next Pong carries the Ping's payload, and rejects when it carries another.
function matchedPing(ws, payload) {
  return new Promise((resolve, reject) => {
    ws.once('pong', (data) => (data.equals(payload) ? resolve() : reject(new Error(`wanted the Pong ${payload}, got ${data}`))));
    ws.ping(payload);
  });
}

async function sendPieces(ws, data, binary) {
  const step = Math.ceil(data.length / 6);
  const pieces = [Buffer.alloc(0)];
  for (let start = 0; start < data.length; start += step) pieces.push(data.subarray(start, start + step));
  for (const [number, piece] of pieces.entries()) {
    await matchedPing(ws, Buffer.from(`piece ${number}`));
    ws.send(piece, { binary, fin: number === pieces.length - 1 });
  }
  ws.send('7 pongs');
}

async function sendPings(ws) {
  const payloads = [Buffer.alloc(0), Buffer.from('ping – пинг'), Buffer.from([...Array(125).keys()])];
  for (const payload of payloads) await matchedPing(ws, payload);
  ws.send('3 pongs');
}

const behaviours = {
  echo: (ws) => ws.on('message', (data, binary) => ws.send(data, { binary })),
  pieces: (ws) => ws.on('message', (data, binary) => sendPieces(ws, data, binary).catch((error) => ws.send(error.message))),
  ping: (ws) => sendPings(ws).catch((error) => ws.send(error.message)),
  'server-close': (ws, name) => {
    ws.on('close', (code) => note(name).set(`${code}`));
    ws.send('last words');
    ws.close(3001, 'enough – genug');
  },
  'client-close': (ws, name) => ws.on('close', (code, reason) => note(name).set(`${code} ${reason}`)),
  noted: async (ws, name) => ws.send(await note(name).value),
  request: (ws, _name, request) => ws.send(JSON.stringify({ 'x-probe': request.headers['x-probe'], subprotocol: ws.protocol })),
};

const server = certificate
  ? https.createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) })
  : http.createServer();
const sockets = new WebSocketServer({
  noServer: true,
  maxPayload: 0,
  perMessageDeflate: { threshold: 0 },
  handleProtocols: (offered) => [...offered].find((name) => SUBPROTOCOLS.includes(name)) ?? false,
});
server.on('upgrade', (request, socket, head) => {
  const [, path, name] = request.url.split('/');
  if (!(path in behaviours)) {
    socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 8\r\nconnection: close\r\n\r\nno entry');
    return;
  }
  sockets.handleUpgrade(request, socket, head, (ws) => behaviours[path](ws, name, request));
});
server.listen(Number(port), '127.0.0.1');
