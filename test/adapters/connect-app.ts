import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { sessionMiddleware } from 'vial/adapters/node'
import type { AdapterSuiteOptions } from 'vial/testing'
import { nodeExchange, onFailure } from './node-app.ts'
import { listening } from './suite.ts'

/** Middleware of Connect's form. */
export type Middleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void

/** Runs middleware as h3 1, middie and AdonisJS do: of several calls of `next`, the first one counts. */
export function promised(
  middleware: Middleware,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  return new Promise((resolve, reject) => {
    middleware(request, response, (error) => (error === undefined ? resolve() : reject(error)))
  })
}

/** A framework that awaits middleware of Connect's form, as the suite wants it. */
export const start: AdapterSuiteOptions['start'] = (sessions, handler, options) => {
  const all = sessions.map((one) => sessionMiddleware(one, { ...options, onFailure }))
  return listening(
    createServer(async (request, response) => {
      try {
        for (const middleware of all) await promised(middleware, request, response)
        await handler(nodeExchange(request, response))
      } catch (error) {
        onFailure(error, request, response)
      }
    }),
  )
}
