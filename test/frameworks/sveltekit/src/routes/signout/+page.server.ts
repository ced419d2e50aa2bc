import { redirect } from '@sveltejs/kit'
import type { Actions } from './$types'

export const actions: Actions = {
  async default({ locals }) {
    ;(await locals.session).destroy()
    redirect(303, '/')
  },
}
