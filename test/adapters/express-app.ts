import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import type { Express, Request, RequestHandler, Response } from 'express'
import { sessionMiddleware } from 'vial/adapters/express'
import type { AdapterSuiteOptions, SuiteMiddleware, SuiteSessions } from 'vial/testing'
import { listening } from './suite.ts'

/** What Express 5 and 4 have in common. */
export interface ExpressModule {
  (): Express
  text(): RequestHandler
}

/** The middleware as the suite wants it. Without Express's `app` it responds by itself. */
export const middleware = (sessions: SuiteSessions): SuiteMiddleware =>
  sessionMiddleware(sessions) as unknown as SuiteMiddleware

/** An Express application as the suite wants it. `before` and `after` go around the session middleware. */
export function starting(
  express: ExpressModule,
  around: { readonly before?: RequestHandler; readonly after?: RequestHandler } = {},
): AdapterSuiteOptions['start'] {
  return (sessions, handler, options) => {
    const app = express()
    // Keeps errors off the console.
    app.set('env', 'test')
    if (around.before) app.use(around.before)
    for (const one of sessions) app.use(sessionMiddleware(one, options))
    if (around.after) app.use(around.after)
    app.use(express.text())
    app.use((req: Request, res: Response, next) => {
      handler({
        method: req.method,
        path: req.path,
        body: async () => String(req.body),
        session: (sessions) => sessions.of(req),
        reply: {
          header: (name, value) => res.append(name, value),
          json: (value) => res.json(value),
          html: (text) => res.send(text),
          redirect: (location) => res.redirect(location),
          empty: (status) => res.status(status).end(),
          stream: (chunks) => Readable.from(chunks).pipe(res.type('text')),
        },
      }).catch(next)
    })
    return listening(createServer(app))
  }
}
