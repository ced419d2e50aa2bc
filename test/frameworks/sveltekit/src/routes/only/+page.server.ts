import type { PageServerLoad } from './$types'

/** Only the requests that it sends ask for the session. */
export const load: PageServerLoad = async ({ fetch }) => {
  await Promise.all([1, 2, 3].map(() => fetch('/api/count', { method: 'POST' })))
  return { seen: await (await fetch('/api/count')).text() }
}
