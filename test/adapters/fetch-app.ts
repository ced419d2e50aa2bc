import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { withSession } from 'vial/adapters/fetch'
import type { AdapterSuiteOptions } from 'vial/testing'
import { streamOf } from './hono-app.ts'
import { listening } from './suite.ts'

type Fetch = (request: Request) => Promise<Response>

/** A handler of the Fetch standard, on Node through a bridge, as the suite wants it. */
export const start: AdapterSuiteOptions['start'] = (sessions, handler, options) => {
  let fetch: Fetch = async (request) => {
    const headers = new Headers()
    const answer = (
      body: string | ReadableStream | null,
      init: ResponseInit & { readonly type?: string },
    ) => {
      if (init.type !== undefined) headers.set('content-type', init.type)
      return new Response(body, { ...init, headers })
    }
    return (await handler({
      method: request.method,
      path: new URL(request.url).pathname,
      body: () => request.text(),
      session: (sessions) => sessions.of(request),
      inner: async (path) => {
        const url = new URL(path, request.url)
        return (await fetch(new Request(url, { headers: request.headers }))).text()
      },
      reply: {
        header: (name, value) => headers.append(name, value),
        json: (value) => answer(JSON.stringify(value), { type: 'application/json' }),
        html: (text) => answer(text, { type: 'text/html' }),
        redirect: (location) => {
          headers.set('location', location)
          return answer(null, { status: 302 })
        },
        empty: (status) => answer(null, { status }),
        stream: (chunks) => answer(streamOf(chunks), { type: 'text/plain' }),
      },
    })) as Response
  }
  for (const one of sessions) fetch = withSession(one, fetch, options)
  const safe: Fetch = async (request) => {
    try {
      return await fetch(request)
    } catch {
      return new Response('failed', { status: 500 })
    }
  }
  return listening(createAdaptorServer({ fetch: safe }) as Server)
}
