import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import Koa from 'koa'
import { sessionMiddleware } from 'vial/adapters/koa'
import type { AdapterSuiteOptions } from 'vial/testing'
import { listening } from './suite.ts'

/** A Koa application as the suite wants it. */
export const start: AdapterSuiteOptions['start'] = (sessions, handler, options) => {
  const app = new Koa()
  // Keeps errors off the console.
  app.silent = true
  for (const one of sessions) app.use(sessionMiddleware(one, options))
  app.use(async (ctx) => {
    await handler({
      method: ctx.method,
      path: ctx.path,
      async body() {
        let text = ''
        for await (const chunk of ctx.req.setEncoding('utf8')) text += String(chunk)
        return text
      },
      session: (sessions) => sessions.of(ctx),
      reply: {
        header: (name, value) => ctx.append(name, value),
        json: (value) => {
          ctx.body = JSON.stringify(value)
          ctx.type = 'json'
        },
        html: (text) => {
          ctx.body = text
        },
        redirect: (location) => ctx.redirect(location),
        empty: (status) => {
          ctx.status = status
        },
        stream: (chunks) => {
          ctx.body = Readable.from(chunks)
        },
      },
    })
  })
  return listening(createServer(app.callback()))
}
