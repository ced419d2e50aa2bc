import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { Readable } from 'node:stream'
import { withSession } from 'vial/adapters/node'
import type { AdapterSuiteOptions, Exchange, Reply } from 'vial/testing'
import { listening } from './suite.ts'

/** A bare node:http server as the suite wants it. */
export const start: AdapterSuiteOptions['start'] = (sessions, handler, options) => {
  let listener: RequestListener = async (request, response) => {
    await handler(nodeExchange(request, response))
  }
  for (const one of sessions) {
    const inner = listener
    listener = withSession(one, (request, response) => inner(request, response), {
      ...options,
      onFailure,
    })
  }
  return listening(createServer(listener))
}

/** A request of `node:http` as the suite sees it. */
export function nodeExchange(request: IncomingMessage, response: ServerResponse): Exchange {
  return {
    method: request.method ?? '',
    path: new URL(request.url ?? '', 'http://localhost').pathname,
    async body() {
      let text = ''
      for await (const chunk of request.setEncoding('utf8')) text += String(chunk)
      return text
    },
    session: (sessions) => sessions.of(request),
    reply: nodeReply(response),
  }
}

/** Answers with the methods of Node's response. */
function nodeReply(response: ServerResponse): Reply {
  return {
    header: (name, value) => {
      if (name === 'set-cookie') response.appendHeader(name, value)
      else response.setHeader(name, value)
    },
    json: (value) =>
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value)),
    html: (text) => response.setHeader('content-type', 'text/html').end(text),
    redirect: (location) => response.writeHead(302, ['Location', location]).end(),
    empty: (status) => response.writeHead(status).end(),
    stream: (chunks) => Readable.from(chunks).pipe(response),
  }
}

export function onFailure(
  _error: unknown,
  _request: IncomingMessage,
  response: ServerResponse,
): void {
  if (response.headersSent) response.destroy()
  else response.writeHead(500, { 'content-type': 'text/plain' }).end('failed')
}
