import { text } from '@sveltejs/kit'
import { count, fault } from '../../lib/store.ts'
import type { RequestHandler } from './$types'

/** `GET` responds with the number of records; `PUT` with `reads`, `writes`, `silent` or `none` breaks the store or mends it. */
export const GET: RequestHandler = async () => text(String(await count()))

export const PUT: RequestHandler = async ({ request }) => {
  fault.verbs = (await request.text()) as typeof fault.verbs
  return text('')
}
