/** express-session over the same Redis, with the options of its README. */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { RedisStore } from 'connect-redis'
import express, { type Request } from 'express'
import expressSession from 'express-session'
import { createClient } from 'redis'
import { sessionData } from '../common/session-data.ts'
import { type Act, DAY, found, next, SECRET, type Site } from './site.ts'

type Data = Record<string, unknown>

/** By the name of the package. */
export const PEERS: Readonly<Record<string, (url: string) => Promise<Site>>> = {
  'express-session + connect-redis': expressSite,
}

async function connected(url: string): Promise<ReturnType<typeof createClient>> {
  // Without this, the client would look for the server forever when a count has failed.
  const client = createClient({ url, socket: { reconnectStrategy: false } })
  client.on('error', (error: Error) => console.error(error))
  await client.connect()
  return client as ReturnType<typeof createClient>
}

async function expressSite(url: string): Promise<Site> {
  const client = await connected(url)
  const app = express()
  app.use(
    expressSession({
      store: new RedisStore({ client }),
      secret: SECRET,
      resave: false,
      saveUninitialized: false,
      cookie: { maxAge: DAY },
    }),
  )
  app.get('/:act', async (request, response) => {
    await act(request.params.act as Act, request.session as unknown as Data, {
      regenerate: () => expressCall(request, 'regenerate'),
      destroy: () => expressCall(request, 'destroy'),
      fresh: () => request.session as unknown as Data,
    })
    response.end()
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    async visit(what, cookie) {
      const headers: Record<string, string> = cookie === '' ? {} : { cookie }
      const response = await fetch(`${origin}/${what}`, { headers })
      if (!response.ok) throw new Error(`express-session: ${response.status} to ${what}`)
      return next(cookie, response.headers.get('set-cookie'))
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await client.close()
    },
  }
}

function expressCall({ session }: Request, name: 'regenerate' | 'destroy'): Promise<void> {
  return new Promise((resolve, reject) => {
    session[name]((error: unknown) => (error ? reject(error) : resolve()))
  })
}

interface Ways {
  regenerate(): Promise<unknown>
  destroy(): Promise<unknown>
  /** The session after it was regenerated. */
  fresh(): Data
}

async function act(what: Act, data: Data, { regenerate, destroy, fresh }: Ways): Promise<void> {
  if (what === 'read') found(data['visits'])
  if (what === 'write') {
    const visits = data['visits']
    if (typeof visits === 'number') data['visits'] = visits + 1
    else Object.assign(data, sessionData())
  }
  if (what === 'login' || what === 'regenerate') {
    const kept = Object.entries(data).filter(([key]) => /^(?:cart|name|visits|user)$/.test(key))
    await regenerate()
    Object.assign(fresh(), Object.fromEntries(kept), { user: 'ada' })
  }
  if (what === 'logout') await destroy()
}
