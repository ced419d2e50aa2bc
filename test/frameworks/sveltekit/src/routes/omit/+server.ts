import { text } from '@sveltejs/kit'
import type { RequestHandler } from './$types'

/** Sends requests without the visitor's cookies. */
export const GET: RequestHandler = async ({ locals, fetch }) => {
  const session = await locals.session
  session.set('note', 'own')
  const read = await fetch('/api/count', { credentials: 'omit' })
  const write = await fetch('/api/count', { credentials: 'omit', method: 'POST' })
  return text(`${await read.text()} ${write.status}`)
}
