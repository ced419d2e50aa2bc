import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { sessionMiddleware } from 'vial/adapters/hono'
import type { AdapterSuiteOptions } from 'vial/testing'
import { listening } from './suite.ts'

/** A Hono application on Node as the suite wants it. */
export const start: AdapterSuiteOptions['start'] = (sessions, handler, options) => {
  const app = new Hono()
  for (const one of sessions) app.use(sessionMiddleware(one, options))
  app.onError((_error, c) => c.text('failed', 500))
  app.all(
    '*',
    async (c) =>
      (await handler({
        method: c.req.method,
        path: c.req.path,
        body: () => c.req.text(),
        session: (sessions) => sessions.of(c),
        inner: async (path) => (await app.request(path, { headers: c.req.header() })).text(),
        reply: {
          header: (name, value) => c.header(name, value, { append: true }),
          json: (value) => c.json(value as object),
          html: (text) => c.html(text),
          redirect: (location) => c.redirect(location),
          empty: (status) => c.body(null, status as 204),
          stream: (chunks) => c.body(streamOf(chunks)),
        },
      })) as Response,
  )
  return listening(createAdaptorServer(app) as Server)
}

/** A web stream that asks for the next chunk when the last one was taken. */
export function streamOf(chunks: AsyncIterable<string>): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]()
  const encoder = new TextEncoder()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next()
      if (done === true) controller.close()
      else controller.enqueue(encoder.encode(value))
    },
    async cancel() {
      await iterator.return?.()
    },
  })
}
