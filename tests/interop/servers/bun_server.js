// Echoes on Bun, whose core is uWebSockets: it forgets its window behind each message. behaviours.md says what it does.
'use strict';
const [port] = process.argv.slice(2);

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(port),
  fetch(request, server) {
    if (new URL(request.url).pathname === '/echo' && server.upgrade(request)) return undefined;
    return new Response('no entry', { status: 403 });
  },
  websocket: {
    perMessageDeflate: true,
    maxPayloadLength: 64 << 20,
    backpressureLimit: 64 << 20,
    message: (ws, data) => ws.send(data, true),
  },
});
