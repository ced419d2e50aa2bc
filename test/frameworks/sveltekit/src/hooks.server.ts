import { type Handle, type HandleServerError, sequence } from '@sveltejs/kit/hooks'
import { isSessionError } from 'vial'
import { sessionHandle } from 'vial/adapters/sveltekit'
import { guard } from './lib/guard.ts'
import { sessions } from './lib/sessions.ts'

export const handle: Handle = sequence(sessionHandle(sessions), guard)

export const handleError: HandleServerError = ({ error }) => {
  console.error(error)
  return isSessionError(error) ? { status: error.status, message: 'Please try again' } : undefined
}
