import { text } from '@sveltejs/kit'
import type { RequestHandler } from './$types'

/** Counts, and responds with the user and the note. */
export const POST: RequestHandler = async ({ locals }) => {
  const session = await locals.session
  session.increment('views')
  return text(`${session.user ?? 'nobody'} ${session.get('note') ?? '-'}`)
}

export const GET: RequestHandler = async ({ locals }) => {
  const session = await locals.session
  return text(`${session.user ?? 'nobody'} ${session.get('note') ?? '-'}`)
}
