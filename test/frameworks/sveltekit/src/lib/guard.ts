import { error, redirect } from '@sveltejs/kit'
import type { Handle } from '@sveltejs/kit/hooks'

/** A handler after the session's, which redirects and refuses by itself. */
export const guard: Handle = async ({ event, resolve }) => {
  const { pathname, searchParams } = event.url
  if (pathname === '/guarded') {
    const session = await event.locals.session
    session.set('note', 'guarded')
    if (searchParams.has('refuse')) error(403, 'no')
    if (searchParams.has('respond')) {
      return new Response(null, { status: 303, headers: { location: '/' } })
    }
    if (session.user === undefined) redirect(303, '/')
  }
  return resolve(event)
}
