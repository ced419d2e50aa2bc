import type { PageServerLoad } from './$types'

/** Writes, sends two requests to this site that write as well, and reads what they wrote. */
export const load: PageServerLoad = async ({ locals, fetch, url }) => {
  const session = await locals.session
  session.set('note', 'visited')
  if (url.searchParams.has('login')) session.login('bob')
  const first = await (await fetch('/api/count', { method: 'POST' })).text()
  await fetch('/api/count', { method: 'POST' })
  return { first, views: session.get('views') }
}
