import type { Store } from 'vial'
import { sessionData } from '../common/session-data.ts'
import { vial } from '../common/vial.ts'
import { type Act, found, next, type Site } from './site.ts'

/** vial through its fetch adapter, which needs no server. */
export async function vialSite(
  store: Store,
  { idle = false, users = false }: { readonly idle?: boolean; readonly users?: boolean },
): Promise<Site> {
  const { createSessions } = await vial('vial')
  const { withSession } = await vial('vial/adapters/fetch')
  let skipped = 0
  const sessions = createSessions({
    store,
    users,
    cookie: { secure: false },
    ...(idle && { idle: '1h' as const, now: () => Date.now() + skipped }),
  })
  const answer = withSession(sessions, async (request, act: Act) => {
    if (act === 'plain') return new Response()
    const session = await sessions.of(request)
    if (act === 'login') session.login('ada')
    if (act === 'regenerate') session.regenerate()
    if (act === 'logout') session.destroy()
    if (act === 'read') found(session.get('visits'))
    if (act === 'write') {
      const visits = session.get('visits')
      if (typeof visits === 'number') session.set('visits', visits + 1)
      else for (const [key, value] of Object.entries(sessionData())) session.set(key, value)
    }
    return new Response()
  })
  return {
    async visit(act, cookie) {
      const headers: Record<string, string> = cookie === '' ? {} : { cookie }
      const response = await answer(new Request('http://shop.test/', { headers }), act)
      return next(cookie, response.headers.get('set-cookie'))
    },
    wait(ms) {
      skipped += ms
    },
    close: async () => undefined,
  }
}
