/** Requests to express-session without a server and a socket: its whole middleware, and nothing of HTTP. */

import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import session from 'express-session'

type Data = Record<string, unknown>

/** Sends a request; resolves to its `Set-Cookie` once the response may leave. */
export type ExpressVisit = (
  cookie: string,
  act: (data: Data) => void,
) => Promise<string | undefined>

/** With the options that its documentation recommends. */
export function expressVisits(store: session.Store): ExpressVisit {
  const middleware = session({
    store,
    secret: 'the bench is run on this machine only',
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: 86_400_000 },
  })
  const socket = new Socket()
  return (cookie, act) =>
    new Promise((resolve, reject) => {
      const request = new IncomingMessage(socket)
      request.url = '/'
      request.headers.cookie = cookie
      const response = new ServerResponse(request)
      // What the middleware calls when the session is stored.
      response.end = () => {
        const [set] = [response.getHeader('set-cookie')].flat()
        resolve(set === undefined ? undefined : String(set).split(';')[0])
        return response
      }
      middleware(request as never, response as never, (error: unknown) => {
        if (error) return reject(error)
        try {
          act((request as unknown as { session: Data }).session)
          response.end()
        } catch (failure) {
          reject(failure)
        }
      })
    })
}
