import type { PageServerLoad } from './$types'

export const load: PageServerLoad = async ({ locals }) => {
  const session = await locals.session
  return {
    user: session.user ?? 'nobody',
    views: session.get('views') ?? 0,
    note: session.get('note') ?? '',
  }
}
