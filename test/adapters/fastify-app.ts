import { Readable } from 'node:stream'
import { fastify } from 'fastify'
import { sessionPlugin } from 'vial/adapters/fastify'
import type { AdapterSuiteOptions } from 'vial/testing'

/** A Fastify application as the suite wants it. */
export const start: AdapterSuiteOptions['start'] = async (sessions, handler, options) => {
  const app = fastify({ forceCloseConnections: true })
  for (const one of sessions) await app.register(sessionPlugin(one, options))
  app.all('/*', async (request, reply) => {
    await handler({
      method: request.method,
      path: new URL(request.url, 'http://localhost').pathname,
      body: async () => String(request.body),
      session: (sessions) => sessions.of(request),
      reply: {
        header: (name, value) => reply.header(name, value),
        json: (value) => reply.type('application/json').send(JSON.stringify(value)),
        html: (text) => reply.type('text/html').send(text),
        redirect: (location) => reply.redirect(location),
        empty: (status) => reply.code(status).send(),
        stream: (chunks) => reply.type('text/plain').send(Readable.from(chunks)),
      },
    })
    return reply
  })
  return { origin: await app.listen({ port: 0, host: '127.0.0.1' }), close: () => app.close() }
}
