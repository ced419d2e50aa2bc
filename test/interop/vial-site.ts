/** A site on vial with the pages of `interop/peers/flask_site.py`: each takes and gives JSON. */

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Session, Sessions } from 'vial'
import { withSession } from '../../src/adapters/node.ts'
import { Markup } from '../../src/serializers/python/values.ts'
import { canonical } from './canonical.ts'
import { type ValueFormat, valueNamed } from './values.ts'

interface Flashed {
  readonly message: string
  readonly category: string
  readonly markup: boolean
}

type Page = (session: Session, asked: unknown) => unknown

function pages(format: ValueFormat): Readonly<Record<string, Page>> {
  return {
    write(session, names) {
      for (const name of names as string[]) session.set(name, valueNamed(format, name))
    },
    read: (session) =>
      Object.fromEntries([...session].map(([key, value]) => [key, canonical(value)])),
    change: (session, value) => session.set('changed', value),
    /** Each value again, as it was read. */
    rewrite(session) {
      for (const [key, value] of [...session]) session.set(key, value)
    },
    /** Each value under another name. */
    copy(session) {
      for (const [key, value] of [...session]) session.set(`copy of ${key}`, value)
    },
    flash(session, asked) {
      const { message, category, markup } = asked as Flashed
      session.flash(markup ? (new Markup(message) as unknown as string) : message, category)
    },
    flashes: (session) => ({
      shown: session
        .flashes()
        .map(({ category, message }) => [canonical(category), canonical(message)]),
    }),
    permanent(session, value) {
      if (value !== null) session.permanent = value as boolean
      return { permanent: session.permanent }
    },
    logout: (session) => session.destroy(),
  }
}

/** Serves on a free port of this machine; resolves to the server and its origin. */
export async function vialSite(
  sessions: Sessions,
  format: ValueFormat,
): Promise<{ readonly server: Server; readonly origin: string }> {
  const byName = pages(format)
  const handler = withSession(
    sessions,
    async (request: IncomingMessage, response) => {
      const asked: unknown = JSON.parse(await text(request))
      const page = byName[request.url?.slice(1) ?? '']
      if (page === undefined) throw new Error(`no page ${request.url}`)
      const given = page(await sessions.of(request), asked)
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(given ?? {}))
    },
    {
      onFailure(error, _, response) {
        response.statusCode = 500
        response.end(error instanceof Error ? error.stack : String(error))
      },
    },
  )
  const server = createServer((request, response) => void handler(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { server, origin: `http://127.0.0.1:${port}` }
}
