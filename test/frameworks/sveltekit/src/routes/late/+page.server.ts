import { waiting } from '../../lib/waiting.ts'
import type { PageServerLoad } from './$types'

const code = ({ code }: { code?: string }) => code ?? 'no error'

/** A promise that streams: it goes on when the visitor has the headers. */
export const load: PageServerLoad = async ({ locals, fetch, url }) => {
  if (!url.searchParams.has('unasked')) (await locals.session).get('note')
  return { late: write() }

  async function write(): Promise<string> {
    await new Promise<void>((resolve) => waiting.push(resolve))
    const own = await locals.session.then((session) => session.set('note', 'late')).catch(code)
    const sub = await fetch('/api/count', { method: 'POST' })
    return `${own} ${sub.status}`
  }
}
