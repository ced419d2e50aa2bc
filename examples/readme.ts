import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createSessions } from 'vial'
import { sessionMiddleware } from 'vial/adapters/hono'
import { fileStore } from 'vial/stores/file'

const sessions = createSessions({
  store: fileStore('.sessions'),
  cookie: { secure: 'development' },
})
const app = new Hono().use(sessionMiddleware(sessions))

app.get('/', async (c) => {
  const session = await sessions.of(c)
  session.increment('views')
  return c.text(`Visits: ${session.get('views')}`)
})

serve({ fetch: app.fetch, port: Number(process.env['PORT'] ?? 3000) })
