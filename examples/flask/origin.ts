/**
 * One origin for both halves: what begins with `/flask/` goes to Python, everything else is served here.
 *
 * @module
 */

import { type IncomingMessage, type RequestListener, request, type ServerResponse } from 'node:http'

/** Answers for Python where the path says so, and leaves the rest to `next`. */
export function withFlask(port: number, next: RequestListener): RequestListener {
  return (incoming, outgoing) => {
    if (incoming.url === '/flask') {
      outgoing.writeHead(308, { location: '/flask/' }).end()
    } else if (incoming.url?.startsWith('/flask/')) pass(port, incoming, outgoing)
    else next(incoming, outgoing)
  }
}

function pass(port: number, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method, url, headers } = incoming
  const passed = request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(outgoing)
  })
  passed.on('error', () => {
    if (outgoing.headersSent) outgoing.destroy()
    else outgoing.writeHead(502, { 'content-type': 'text/plain' }).end('Flask does not answer.\n')
  })
  incoming.pipe(passed)
}
