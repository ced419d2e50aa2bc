/** What the compiler knows of `locals.session`; nothing runs this. */

import type { RequestEvent } from '@sveltejs/kit'

export async function typed({ locals }: RequestEvent): Promise<number | undefined> {
  const session = await locals.session
  session.set('note', 'text')
  // @ts-expect-error a note is a string
  session.set('note', 1)
  // @ts-expect-error no such key
  session.get('unknown')
  return session.get('views')
}
