import { fail, redirect } from '@sveltejs/kit'
import type { Actions } from './$types'

export const actions: Actions = {
  async default({ request, locals }) {
    const name = String((await request.formData()).get('name') ?? '')
    const session = await locals.session
    if (name === '') {
      session.set('note', 'no name')
      return fail(400, { message: 'no name' })
    }
    session.login(name)
    redirect(303, '/')
  },
}
