/**
 * Starts the tutorial: `npm start`, with PORT, HOST and VIAL_DATA to taste.
 *
 * @module
 */

import { mkdir } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { createAdaptorServer } from '@hono/node-server'
import { isSessionError } from 'vial'
import { createApp } from './app.ts'
import { stopperOf } from './graceful.ts'
import { endWithNpm } from './parent.ts'
import { keptSecret } from './secret.ts'
import { tutorialSessions } from './sessions.ts'
import { readSettings, type Settings, SettingsError } from './settings.ts'
import { siteOf } from './site.ts'
import { recordsInFiles } from './stored-record.ts'

async function start(): Promise<void> {
  // The tutorial speaks plain http, and its cookie is Secure where this says nothing.
  process.env['NODE_ENV'] ??= 'development'
  const settings = readSettings()
  await mkdir(settings.data, { recursive: true, mode: 0o700 })
  const directory = join(settings.data, 'sessions')
  const secretFile = join(settings.data, 'secret')
  const { sessions, store } = tutorialSessions(directory, await keptSecret(secretFile))
  const app = createApp(siteOf(sessions, recordsInFiles(store, directory)))

  const server = createAdaptorServer({ fetch: app.fetch }) as Server
  const stop = stopperOf(server)
  await listen(server, settings)

  let ending = false
  const end = async () => {
    console.log('Stopping: requests that run are still answered.')
    await stop()
    await sessions.close()
    process.exit(0)
  }
  const endOnce = () => {
    if (ending) return
    ending = true
    end().catch(fail)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, endOnce)
  endWithNpm(endOnce)

  console.log(`The tutorial is at ${urlOf(server)}
  sessions  ${directory}
  secret    ${secretFile}
Stop it with Ctrl+C.`)
}

function listen(server: Server, { port, host }: Settings): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? busy(port) : error)
    })
    server.listen(port, host, resolve)
  })
}

function busy(port: number): SettingsError {
  return new SettingsError(
    `Port ${port} is in use by another program. Choose another one, such as PORT=${port === 65_535 ? 3000 : port + 1} npm start.`,
  )
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

function fail(error: unknown): void {
  // These say all in one sentence; anything else is a fault of the program and keeps its stack.
  const known = error instanceof SettingsError || isSessionError(error) || isSystemError(error)
  console.error(known ? (error as Error).message : error)
  process.exit(1)
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}

await start().catch(fail)
