/**
 * Starts both halves: `npm run demo:flask`, with PORT to taste.
 *
 * @module
 */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { getRequestListener } from '@hono/node-server'
import { flaskSession } from 'vial/compat/flask-session'
import { findPython, provision } from '../../scripts/provision.ts'
import { createApp } from '../tutorial/app.ts'
import { data } from '../tutorial/sessions.ts'
import { siteOf } from '../tutorial/site.ts'
import { openBackend } from './backend.ts'
import { startFlask } from './flask-process.ts'
import { withFlask } from './origin.ts'
import { sharedRecords } from './records.ts'

async function start(): Promise<void> {
  const missing = await provision('flask')
  const python = findPython()
  if (python === undefined)
    throw new Error(`The demo needs Python with Flask, and there is ${missing}`)
  const backend = await openBackend()
  const flask = await startFlask(python, backend.flask)

  const sessions = flaskSession({
    store: backend.store,
    data,
    // As the Flask half is configured.
    permanent: false,
    refreshEachRequest: false,
    cookie: { sameSite: 'lax' },
    onEvent: (event) => console.log('session event:', event),
  })
  const records = sharedRecords(backend.store, backend.place)
  const app = createApp(siteOf(sessions, records, [['/flask/', 'The Flask half']]))
  const server = createServer(withFlask(flask.port, getRequestListener(app.fetch)))
  server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo
    console.log(`Two halves of one site:
  TypeScript  http://127.0.0.1:${port}/
  Flask       http://127.0.0.1:${port}/flask/
  sessions    ${backend.place}
Stop them with Ctrl+C.`)
  })

  const stop = async () => {
    server.close()
    server.closeAllConnections()
    await flask.end()
    await backend.close()
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop())
}

await start().catch((error: Error) => {
  console.error(error.message)
  process.exit(1)
})
