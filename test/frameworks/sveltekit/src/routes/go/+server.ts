import { text } from '@sveltejs/kit'
import { waiting } from '../../lib/waiting.ts'
import type { RequestHandler } from './$types'

export const GET: RequestHandler = () => {
  for (const go of waiting.splice(0)) go()
  return text('')
}
