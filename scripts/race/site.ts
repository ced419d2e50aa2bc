/** The application of the race: a visitor logs in, writes, looks, logs out. One server of it, on a port of its own. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import express, { type NextFunction, type Request, type Response } from 'express'
import type { Visits } from './visit.ts'

export interface Site {
  readonly port: number
  close(): Promise<void>
}

/** What the visitor finds. */
export interface Look {
  readonly loggedIn: boolean
  /** Keys of writers. */
  readonly kept: number
  readonly counter: number
}

/** Serves the application on 127.0.0.1. */
export async function startSite(visits: Visits): Promise<Site> {
  const server = createServer(application(visits))
  // A connection that waits for its next request stays.
  server.keepAliveTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function application(visits: Visits): express.Express {
  const app = express()
  app.get('/retries', (_, res) => void res.json(visits.retries()))
  app.use(visits.middleware)

  app.post('/login', async (req, res) => {
    const visit = await visits.of(req)
    visit.logIn()
    visit.set('counter', 0)
    res.sendStatus(204)
  })

  app.post('/write', async (req, res) => {
    const visit = await visits.of(req)
    await working(req)
    if (!visit.loggedIn) return void res.sendStatus(401)
    visit.set(String(req.query['key']), 1)
    visit.increment('counter')
    res.sendStatus(204)
  })

  app.post('/logout', async (req, res) => {
    const visit = await visits.of(req)
    await working(req)
    await visit.logOut()
    res.sendStatus(204)
  })

  app.get('/', async (req, res) => {
    const visit = await visits.of(req)
    const values = new Map(visit.entries())
    const kept = [...values.keys()].filter((key) => key.startsWith('writer')).length
    const look: Look = {
      loggedIn: visit.loggedIn,
      kept,
      counter: Number(values.get('counter') ?? 0),
    }
    res.json(look)
  })

  app.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
    if (res.headersSent) res.destroy()
    else res.status(500).type('text').send(String(error))
  })
  return app
}

/** What a handler does between reading its session and writing it, such as asking a database; `takes` is in ms. */
async function working(req: Request): Promise<void> {
  const takes = Number(req.query['takes'] ?? 0)
  if (takes > 0) await sleep(takes)
}
